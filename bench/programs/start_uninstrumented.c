/* A process that starts and ends, as an empty program, or with functions that
 * another tool patches at the start.
 *
 * SPDX-License-Identifier: MIT
 */
int main(void)
{
  return 0;
}
