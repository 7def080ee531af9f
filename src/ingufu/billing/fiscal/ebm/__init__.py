"""Rwanda's electronic billing machine (EBM): virtual (VSDC) and on-line (OSDC) devices of the Revenue Authority."""
