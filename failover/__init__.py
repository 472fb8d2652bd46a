"""Who should be the writer: detection, the promotion rule, and the monitor that acts on it."""
