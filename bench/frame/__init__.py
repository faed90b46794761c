# What all figures have in common: building, running, comparing, plotting.
#
# SPDX-License-Identifier: MIT
