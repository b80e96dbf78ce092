"""The report of every command: what it says, as structure for :mod:`fiqx_trt.report.html`; one file per command."""
