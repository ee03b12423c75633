/*
 * nopoll_ctx.h - contexts. A name programs include; everything is in nopoll.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef __NOPOLL_CTX_H__
#define __NOPOLL_CTX_H__

#include "nopoll.h"

#endif /* __NOPOLL_CTX_H__ */
