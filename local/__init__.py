"""Everything on one machine: private servers, the simulator, the four services, a demo agent."""
