"""The message bus: topology as data, the RabbitMQ client, and a stand-in for unit tests."""
