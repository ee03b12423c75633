/*
 * nopoll_io.h - I/O engines. A name programs include; everything is in nopoll.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef __NOPOLL_IO_H__
#define __NOPOLL_IO_H__

#include "nopoll.h"

#endif /* __NOPOLL_IO_H__ */
