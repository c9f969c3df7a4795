"""Servers: what each is (its template), where the templates are declared, and who depends on whom."""
