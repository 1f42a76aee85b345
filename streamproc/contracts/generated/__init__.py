"""Made from the schemas by `streamproc schemas generate`: do not edit."""
