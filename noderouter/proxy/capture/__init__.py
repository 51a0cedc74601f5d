"""Where captured connections come in: what they dialled, and what they speak."""
