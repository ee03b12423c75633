/*
 * nopoll_win32.h - a name programs include on Windows. This library is for Unix: there is nothing
 * in it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef __NOPOLL_WIN32_H__
#define __NOPOLL_WIN32_H__

#endif /* __NOPOLL_WIN32_H__ */
