/*
 * nopoll_handlers.h - the types of callbacks. A name programs include; everything is in nopoll.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef __NOPOLL_HANDLERS_H__
#define __NOPOLL_HANDLERS_H__

#include "nopoll.h"

#endif /* __NOPOLL_HANDLERS_H__ */
