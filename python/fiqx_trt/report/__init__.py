"""Pages of results and figures: what a report says, as structure, and one self-contained HTML file of it."""
