"""What both versions of HTTP share: deadlines, verdicts as fields, Via, the texts of errors."""
