"""Every query of tariffs and of price feeds."""
