/* The functions that driver.c replaces.  SPDX-License-Identifier: MIT */
int add_one(int x);
int call_hidden(int x);
int sum(int count, ...);
