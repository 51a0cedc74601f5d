"""Tests of charts/noderouter."""
