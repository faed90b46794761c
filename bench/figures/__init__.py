# One file for each figure (frame/figure.py).
#
# SPDX-License-Identifier: MIT
