/*
 * nopoll_listener.h - listeners. A name programs include; everything is in nopoll.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef __NOPOLL_LISTENER_H__
#define __NOPOLL_LISTENER_H__

#include "nopoll.h"

#endif /* __NOPOLL_LISTENER_H__ */
