"""The paper's tables: cells are planned, run, collected and written."""
