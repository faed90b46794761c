/* The patch: from now on the tax is 7 %.  It is compiled to a shared object
 * while the server runs.
 *
 * SPDX-License-Identifier: MIT
 */
long with_reduced_tax(long cents);

long with_reduced_tax(long cents)
{
  return cents + cents * 7 / 100;
}
