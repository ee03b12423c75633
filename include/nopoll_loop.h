/*
 * nopoll_loop.h - the loop. A name programs include; everything is in nopoll.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef __NOPOLL_LOOP_H__
#define __NOPOLL_LOOP_H__

#include "nopoll.h"

#endif /* __NOPOLL_LOOP_H__ */
