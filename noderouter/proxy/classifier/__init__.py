"""Response classifiers: was it a success, and may it be tried again (docs/linkerd1.md section 4.4)."""
