"""Tests of the Helm charts, with the real helm."""
