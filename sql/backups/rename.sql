-- Give a database another name, at one instant. Parameters: database; to, a name that is free.
RENAME DATABASE {database:Identifier} TO {to:Identifier}
