"""Dashboards without Grafana: their queries asked of real servers, their layout drawn."""
