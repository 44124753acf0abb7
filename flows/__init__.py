"""What runs when: the command line and the Prefect deployments. No arithmetic, no SQL, no parsing."""
