"""The paths that spare the errand: pledge, data sharing, verification, and reporting a wrongful demand."""
