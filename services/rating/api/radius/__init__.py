"""The RADIUS door: switches that authorise and account their calls by RFC 2865 and RFC 2866."""
