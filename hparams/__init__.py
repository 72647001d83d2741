"""The bottom floor: data only. Every family's configs and hyperparameters, and the errors they raise."""
