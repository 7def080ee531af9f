"""Every query of legal entities, customers and documents."""
