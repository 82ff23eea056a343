/// All commands: name, arity, flags, ACL categories, keys, documentation and implementation, a row each. Subcommands
/// stand as `container|name` behind their container. Names, flags and categories are those of Redis 7.0 (WAITAOF: 7.2).
extension CommandTable {
    static func addAll() {
        addStrings()
        addHashes()
        addKeys()
        addTransactions()
        addConnections()
        addServers()
        addAccessCommands()
    }

    private static func addStrings() {
        add(
            "get", 2, "readonly fast", "@read @string @fast",
            keys: [.init(1, 0, 1, "RO access")],
            "Get the value of a key", since: "1.0.0", group: "string", Strings.get)
        add(
            "set", -3, "write denyoom", "@write @string @slow",
            keys: [
                .init(
                    1, 0, 1, "RW access update variable_flags",
                    notes: "RW and ACCESS due to the optional `GET` argument")
            ],
            "Set the string value of a key", since: "1.0.0", group: "string", Strings.set)
        add(
            "mget", -2, "readonly fast", "@read @string @fast",
            keys: [.init(1, -1, 1, "RO access")],
            tips: "request_policy:multi_shard",
            "Get the values of all the given keys", since: "1.0.0", group: "string", Strings.mget)
        add(
            "mset", -3, "write denyoom", "@write @string @slow",
            keys: [.init(1, -1, 2, "OW update")],
            tips: "request_policy:multi_shard response_policy:all_succeeded",
            "Set multiple keys to multiple values", since: "1.0.1", group: "string", Strings.mset)
        add(
            "msetnx", -3, "write denyoom", "@write @string @slow",
            keys: [.init(1, -1, 2, "OW insert")],
            tips: "request_policy:multi_shard response_policy:agg_min",
            "Set multiple keys to multiple values, only if none of the keys exist",
            since: "1.0.1", group: "string", Strings.msetnx)
        add(
            "setnx", 3, "write denyoom fast", "@write @string @fast",
            keys: [.init(1, 0, 1, "OW insert")],
            "Set the value of a key, only if the key does not exist", since: "1.0.0", group: "string", Strings.setnx)
        add(
            "setex", 4, "write denyoom", "@write @string @slow",
            keys: [.init(1, 0, 1, "OW update")],
            "Set the value and expiration of a key", since: "2.0.0", group: "string", Strings.setex)
        add(
            "psetex", 4, "write denyoom", "@write @string @slow",
            keys: [.init(1, 0, 1, "OW update")],
            "Set the value and expiration in milliseconds of a key", since: "2.6.0", group: "string", Strings.psetex)
        add(
            "getex", -2, "write fast", "@write @string @fast",
            keys: [.init(1, 0, 1, "RW access update", notes: "RW and UPDATE because it changes the TTL")],
            "Get the value of a key and optionally set its expiration",
            since: "6.2.0", group: "string", Strings.getex)
        add(
            "getdel", 2, "write fast", "@write @string @fast",
            keys: [.init(1, 0, 1, "RW access delete")],
            "Get the value of a key and delete the key", since: "6.2.0", group: "string", Strings.getdel)
        add(
            "getset", 3, "write denyoom fast", "@write @string @fast",
            keys: [.init(1, 0, 1, "RW access update")],
            "Set the string value of a key and return its old value", since: "1.0.0", group: "string", Strings.getset)
        add(
            "append", 3, "write denyoom fast", "@write @string @fast",
            keys: [.init(1, 0, 1, "RW insert")],
            "Append a value to a key", since: "2.0.0", group: "string", Strings.append)
        add(
            "strlen", 2, "readonly fast", "@read @string @fast",
            keys: [.init(1, 0, 1, "RO")],
            "Get the length of the value stored in a key", since: "2.2.0", group: "string", Strings.strlen)
        add(
            "getrange", 4, "readonly", "@read @string @slow",
            keys: [.init(1, 0, 1, "RO access")],
            "Get a substring of the string stored at a key", since: "2.4.0", group: "string", Strings.getrange)
        add(
            "substr", 4, "readonly", "@read @string @slow",
            keys: [.init(1, 0, 1, "RO access")],
            "Get a substring of the string stored at a key", since: "1.0.0", group: "string", Strings.substr)
        add(
            "setrange", 4, "write denyoom", "@write @string @slow",
            keys: [.init(1, 0, 1, "RW update")],
            "Overwrite part of a string at key starting at the specified offset",
            since: "2.2.0", group: "string", Strings.setrange)
        add(
            "incr", 2, "write denyoom fast", "@write @string @fast",
            keys: [.init(1, 0, 1, "RW access update")],
            "Increment the integer value of a key by one", since: "1.0.0", group: "string", Strings.incr)
        add(
            "decr", 2, "write denyoom fast", "@write @string @fast",
            keys: [.init(1, 0, 1, "RW access update")],
            "Decrement the integer value of a key by one", since: "1.0.0", group: "string", Strings.decr)
        add(
            "incrby", 3, "write denyoom fast", "@write @string @fast",
            keys: [.init(1, 0, 1, "RW access update")],
            "Increment the integer value of a key by the given amount",
            since: "1.0.0", group: "string", Strings.incrby)
        add(
            "decrby", 3, "write denyoom fast", "@write @string @fast",
            keys: [.init(1, 0, 1, "RW access update")],
            "Decrement the integer value of a key by the given number",
            since: "1.0.0", group: "string", Strings.decrby)
        add(
            "incrbyfloat", 3, "write denyoom fast", "@write @string @fast",
            keys: [.init(1, 0, 1, "RW access update")],
            "Increment the float value of a key by the given amount",
            since: "2.6.0", group: "string", Strings.incrbyfloat)
    }

    private static func addHashes() {
        add(
            "hset", -4, "write denyoom fast", "@write @hash @fast",
            keys: [.init(1, 0, 1, "RW update")],
            "Set the string value of a hash field", since: "2.0.0", group: "hash", Hashes.hset)
        add(
            "hsetnx", 4, "write denyoom fast", "@write @hash @fast",
            keys: [.init(1, 0, 1, "RW insert")],
            "Set the value of a hash field, only if the field does not exist",
            since: "2.0.0", group: "hash", Hashes.hsetnx)
        add(
            "hmset", -4, "write denyoom fast", "@write @hash @fast",
            keys: [.init(1, 0, 1, "RW update")],
            "Set multiple hash fields to multiple values", since: "2.0.0", group: "hash", Hashes.hmset)
        add(
            "hget", 3, "readonly fast", "@read @hash @fast",
            keys: [.init(1, 0, 1, "RO access")],
            "Get the value of a hash field", since: "2.0.0", group: "hash", Hashes.hget)
        add(
            "hmget", -3, "readonly fast", "@read @hash @fast",
            keys: [.init(1, 0, 1, "RO access")],
            "Get the values of all the given hash fields", since: "2.0.0", group: "hash", Hashes.hmget)
        add(
            "hgetall", 2, "readonly", "@read @hash @slow",
            keys: [.init(1, 0, 1, "RO access")],
            tips: "nondeterministic_output_order",
            "Get all the fields and values in a hash", since: "2.0.0", group: "hash", Hashes.hgetall)
        add(
            "hkeys", 2, "readonly", "@read @hash @slow",
            keys: [.init(1, 0, 1, "RO access")],
            tips: "nondeterministic_output_order",
            "Get all the fields in a hash", since: "2.0.0", group: "hash", Hashes.hkeys)
        add(
            "hvals", 2, "readonly", "@read @hash @slow",
            keys: [.init(1, 0, 1, "RO access")],
            tips: "nondeterministic_output_order",
            "Get all the values in a hash", since: "2.0.0", group: "hash", Hashes.hvals)
        add(
            "hlen", 2, "readonly fast", "@read @hash @fast",
            keys: [.init(1, 0, 1, "RO")],
            "Get the number of fields in a hash", since: "2.0.0", group: "hash", Hashes.hlen)
        add(
            "hexists", 3, "readonly fast", "@read @hash @fast",
            keys: [.init(1, 0, 1, "RO")],
            "Determine if a hash field exists", since: "2.0.0", group: "hash", Hashes.hexists)
        add(
            "hdel", -3, "write fast", "@write @hash @fast",
            keys: [.init(1, 0, 1, "RW delete")],
            "Delete one or more hash fields", since: "2.0.0", group: "hash", Hashes.hdel)
        add(
            "hstrlen", 3, "readonly fast", "@read @hash @fast",
            keys: [.init(1, 0, 1, "RO")],
            "Get the length of the value of a hash field", since: "3.2.0", group: "hash", Hashes.hstrlen)
        add(
            "hincrby", 4, "write denyoom fast", "@write @hash @fast",
            keys: [.init(1, 0, 1, "RW access update")],
            "Increment the integer value of a hash field by the given number",
            since: "2.0.0", group: "hash", Hashes.hincrby)
        add(
            "hincrbyfloat", 4, "write denyoom fast", "@write @hash @fast",
            keys: [.init(1, 0, 1, "RW access update")],
            "Increment the float value of a hash field by the given amount",
            since: "2.6.0", group: "hash", Hashes.hincrbyfloat)
        add(
            "hrandfield", -2, "readonly", "@read @hash @slow",
            keys: [.init(1, 0, 1, "RO access")],
            tips: "nondeterministic_output",
            "Get one or multiple random fields from a hash", since: "6.2.0", group: "hash", Hashes.hrandfield)
        add(
            "hscan", -3, "readonly", "@read @hash @slow",
            keys: [.init(1, 0, 1, "RO access")],
            tips: "nondeterministic_output",
            "Incrementally iterate hash fields and associated values", since: "2.8.0", group: "hash", Hashes.hscan)
    }

    private static func addKeys() {
        add(
            "del", -2, "write", "@keyspace @write @slow",
            keys: [.init(1, -1, 1, "RM delete")],
            tips: "request_policy:multi_shard response_policy:agg_sum",
            "Delete a key", since: "1.0.0", group: "generic", Keys.delete)
        add(
            "unlink", -2, "write fast", "@keyspace @write @fast",
            keys: [.init(1, -1, 1, "RM delete")],
            tips: "request_policy:multi_shard response_policy:agg_sum",
            "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non blocking.",
            since: "4.0.0", group: "generic", Keys.unlink)
        add(
            "exists", -2, "readonly fast", "@keyspace @read @fast",
            keys: [.init(1, -1, 1, "RO")],
            tips: "request_policy:multi_shard response_policy:agg_sum",
            "Determine if a key exists", since: "1.0.0", group: "generic", Keys.exists)
        add(
            "type", 2, "readonly fast", "@keyspace @read @fast",
            keys: [.init(1, 0, 1, "RO")],
            "Determine the type stored at key", since: "1.0.0", group: "generic", Keys.typeOf)
        add(
            "expire", -3, "write fast", "@keyspace @write @fast",
            keys: [.init(1, 0, 1, "RW update")],
            "Set a key's time to live in seconds", since: "1.0.0", group: "generic", Keys.expire)
        add(
            "pexpire", -3, "write fast", "@keyspace @write @fast",
            keys: [.init(1, 0, 1, "RW update")],
            "Set a key's time to live in milliseconds", since: "2.6.0", group: "generic", Keys.pexpire)
        add(
            "expireat", -3, "write fast", "@keyspace @write @fast",
            keys: [.init(1, 0, 1, "RW update")],
            "Set the expiration for a key as a UNIX timestamp", since: "1.2.0", group: "generic", Keys.expireat)
        add(
            "pexpireat", -3, "write fast", "@keyspace @write @fast",
            keys: [.init(1, 0, 1, "RW update")],
            "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
            since: "2.6.0", group: "generic", Keys.pexpireat)
        add(
            "ttl", 2, "readonly fast", "@keyspace @read @fast",
            keys: [.init(1, 0, 1, "RO access")],
            tips: "nondeterministic_output",
            "Get the time to live for a key in seconds", since: "1.0.0", group: "generic", Keys.ttl)
        add(
            "pttl", 2, "readonly fast", "@keyspace @read @fast",
            keys: [.init(1, 0, 1, "RO access")],
            tips: "nondeterministic_output",
            "Get the time to live for a key in milliseconds", since: "2.6.0", group: "generic", Keys.pttl)
        add(
            "expiretime", 2, "readonly fast", "@keyspace @read @fast",
            keys: [.init(1, 0, 1, "RO access")],
            "Get the expiration Unix timestamp for a key", since: "7.0.0", group: "generic", Keys.expiretime)
        add(
            "pexpiretime", 2, "readonly fast", "@keyspace @read @fast",
            keys: [.init(1, 0, 1, "RO access")],
            "Get the expiration Unix timestamp for a key in milliseconds",
            since: "7.0.0", group: "generic", Keys.pexpiretime)
        add(
            "persist", 2, "write fast", "@keyspace @write @fast",
            keys: [.init(1, 0, 1, "RW update")],
            "Remove the expiration from a key", since: "2.2.0", group: "generic", Keys.persist)
        add(
            "scan", -2, "readonly", "@keyspace @read @slow",
            tips: "nondeterministic_output request_policy:special",
            "Incrementally iterate the keys space", since: "2.8.0", group: "generic", Keys.scan)
        add(
            "keys", 2, "readonly", "@keyspace @read @slow @dangerous",
            tips: "request_policy:all_shards nondeterministic_output_order",
            "Find all keys matching the given pattern", since: "1.0.0", group: "generic", Keys.keys)
        add(
            "randomkey", 1, "readonly", "@keyspace @read @slow",
            tips: "request_policy:all_shards nondeterministic_output",
            "Return a random key from the keyspace", since: "1.0.0", group: "generic", Keys.randomkey)
        add(
            "rename", 3, "write", "@keyspace @write @slow",
            keys: [.init(1, 0, 1, "RW access delete"), .init(2, 0, 1, "OW update")],
            "Rename a key", since: "1.0.0", group: "generic", Keys.rename)
        add(
            "renamenx", 3, "write fast", "@keyspace @write @fast",
            keys: [.init(1, 0, 1, "RW access delete"), .init(2, 0, 1, "OW insert")],
            "Rename a key, only if the new key does not exist", since: "1.0.0", group: "generic", Keys.renamenx)
        add(
            "copy", -3, "write denyoom", "@keyspace @write @slow",
            keys: [.init(1, 0, 1, "RO access"), .init(2, 0, 1, "OW update")],
            "Copy a key", since: "6.2.0", group: "generic", Keys.copy)
        add(
            "touch", -2, "readonly fast", "@keyspace @read @fast",
            keys: [.init(1, -1, 1, "RO")],
            tips: "request_policy:multi_shard response_policy:agg_sum",
            "Alters the last access time of a key(s). Returns the number of existing keys specified.",
            since: "3.2.1", group: "generic", Keys.touch)
        add(
            "dbsize", 1, "readonly fast", "@keyspace @read @fast",
            tips: "request_policy:all_shards response_policy:agg_sum",
            "Return the number of keys in the selected database", since: "1.0.0", group: "server", Keys.dbsize)
        add(
            "flushdb", -1, "write", "@keyspace @write @slow @dangerous",
            tips: "request_policy:all_shards response_policy:all_succeeded",
            "Remove all keys from the current database", since: "1.0.0", group: "server", Keys.flushdb)
        add(
            "flushall", -1, "write", "@keyspace @write @slow @dangerous",
            tips: "request_policy:all_shards response_policy:all_succeeded",
            "Remove all keys from all databases", since: "1.0.0", group: "server", Keys.flushall)
        add(
            "object", -2, "", "@slow",
            "A container for object introspection commands", since: "2.2.3", group: "generic", Dispatch.container)
        add(
            "object|encoding", 3, "readonly", "@keyspace @read @slow",
            keys: [.init(2, 0, 1, "RO")],
            tips: "nondeterministic_output",
            "Inspect the internal encoding of a Redis object", since: "2.2.3", group: "generic", Keys.objectEncoding)
        add(
            "object|refcount", 3, "readonly", "@keyspace @read @slow",
            keys: [.init(2, 0, 1, "RO")],
            tips: "nondeterministic_output",
            "Get the number of references to the value of the key",
            since: "2.2.3", group: "generic", Keys.objectRefcount)
        add(
            "object|help", 2, "loading stale", "@keyspace @slow",
            "Show helpful text about the different subcommands", since: "6.2.0", group: "generic", Keys.objectHelp)
    }

    private static func addTransactions() {
        add(
            "multi", 1, "noscript loading stale fast allow_busy", "@fast @transaction",
            "Mark the start of a transaction block", since: "1.2.0", group: "transactions", Transactions.multi)
        add(
            "exec", 1, "noscript loading stale skip_slowlog", "@slow @transaction",
            "Execute all commands issued after MULTI", since: "1.2.0", group: "transactions", Transactions.exec)
        add(
            "discard", 1, "noscript loading stale fast allow_busy", "@fast @transaction",
            "Discard all commands issued after MULTI", since: "2.0.0", group: "transactions", Transactions.discard)
        add(
            "watch", -2, "noscript loading stale fast allow_busy", "@fast @transaction",
            keys: [.init(1, -1, 1, "RO")],
            "Watch the given keys to determine execution of the MULTI/EXEC block",
            since: "2.2.0", group: "transactions", Transactions.watch)
        add(
            "unwatch", 1, "noscript loading stale fast allow_busy", "@fast @transaction",
            "Forget about all watched keys", since: "2.2.0", group: "transactions", Transactions.unwatch)
    }

    private static func addConnections() {
        add(
            "auth", -2, "noscript loading stale fast no_auth allow_busy", "@fast @connection",
            "Authenticate to the server", since: "1.0.0", group: "connection", Connections.auth)
        add(
            "hello", -1, "noscript loading stale fast no_auth allow_busy", "@fast @connection",
            "Handshake with Redis", since: "6.0.0", group: "connection", Connections.hello)
        add(
            "ping", -1, "fast", "@fast @connection",
            tips: "request_policy:all_shards response_policy:all_succeeded",
            "Ping the server", since: "1.0.0", group: "connection", Connections.ping)
        add(
            "echo", 2, "loading stale fast", "@fast @connection",
            "Echo the given string", since: "1.0.0", group: "connection", Connections.echo)
        add(
            "select", 2, "loading stale fast", "@fast @connection",
            "Change the selected database for the current connection",
            since: "1.0.0", group: "connection", Connections.select)
        add(
            "quit", -1, "noscript loading stale fast no_auth allow_busy", "@fast @connection",
            "Close the connection", since: "1.0.0", group: "connection", Connections.quit)
        add(
            "reset", 1, "noscript loading stale fast no_auth allow_busy", "@fast @connection",
            "Reset the connection", since: "6.2.0", group: "connection", Connections.reset)
        add(
            "client", -2, "", "@slow",
            "A container for client connection commands", since: "2.4.0", group: "connection", Dispatch.container)
        add(
            "client|id", 2, "noscript loading stale", "@slow @connection",
            "Returns the client ID for the current connection",
            since: "5.0.0", group: "connection", Connections.clientId)
        add(
            "client|info", 2, "noscript loading stale", "@slow @connection",
            tips: "nondeterministic_output",
            "Returns information about the current client connection.",
            since: "6.2.0", group: "connection", Connections.clientInfo)
        add(
            "client|list", -2, "admin noscript loading stale", "@admin @slow @dangerous @connection",
            tips: "nondeterministic_output",
            "Get the list of client connections", since: "2.4.0", group: "connection", Connections.clientList)
        add(
            "client|kill", -3, "admin noscript loading stale", "@admin @slow @dangerous @connection",
            "Kill the connection of a client", since: "2.4.0", group: "connection", Connections.clientKill)
        add(
            "client|getname", 2, "noscript loading stale", "@slow @connection",
            "Get the current connection name", since: "2.6.9", group: "connection", Connections.clientGetname)
        add(
            "client|setname", 3, "noscript loading stale", "@slow @connection",
            "Set the current connection name", since: "2.6.9", group: "connection", Connections.clientSetname)
        add(
            "client|reply", 3, "noscript loading stale", "@slow @connection",
            "Instruct the server whether to reply to commands",
            since: "3.2.0", group: "connection", Connections.clientReply)
        add(
            "client|no-evict", 3, "admin noscript loading stale", "@admin @slow @dangerous @connection",
            "Set client eviction mode for the current connection",
            since: "7.0.0", group: "connection", Connections.clientNoEvict)
        add(
            "client|pause", -3, "admin noscript loading stale", "@admin @slow @dangerous @connection",
            "Stop processing commands from clients for some time",
            since: "2.9.50", group: "connection", Connections.clientPause)
        add(
            "client|unpause", 2, "admin noscript loading stale", "@admin @slow @dangerous @connection",
            "Resume processing of clients that were paused",
            since: "6.2.0", group: "connection", Connections.clientUnpause)
        add(
            "client|unblock", -3, "admin noscript loading stale", "@admin @slow @dangerous @connection",
            "Unblock a client blocked in a blocking command from a different connection",
            since: "5.0.0", group: "connection", Connections.clientUnblock)
        add(
            "client|caching", 3, "noscript loading stale", "@slow @connection",
            "Instruct the server about tracking or not keys in the next request",
            since: "6.0.0", group: "connection", Connections.clientCaching)
        add(
            "client|getredir", 2, "noscript loading stale", "@slow @connection",
            "Get tracking notifications redirection client ID if any",
            since: "6.0.0", group: "connection", Connections.clientGetredir)
        add(
            "client|trackinginfo", 2, "noscript loading stale", "@slow @connection",
            "Return information about server assisted client side caching for the current connection",
            since: "6.2.0", group: "connection", Connections.clientTrackinginfo)
        add(
            "client|help", 2, "loading stale", "@slow @connection",
            "Show helpful text about the different subcommands",
            since: "5.0.0", group: "connection", Connections.clientHelp)
    }

    private static func addServers() {
        add(
            "info", -1, "loading stale", "@slow @dangerous",
            tips: "nondeterministic_output request_policy:all_shards response_policy:special",
            "Get information and statistics about the server", since: "1.0.0", group: "server", Servers.info)
        add(
            "config", -2, "", "@slow",
            "A container for server configuration commands", since: "2.0.0", group: "server", Dispatch.container)
        add(
            "config|get", -3, "admin noscript loading stale", "@admin @slow @dangerous",
            "Get the values of configuration parameters", since: "2.0.0", group: "server", Servers.configGet)
        add(
            "config|set", -4, "admin noscript loading stale", "@admin @slow @dangerous",
            tips: "request_policy:all_nodes response_policy:all_succeeded",
            "Set configuration parameters to the given values", since: "2.0.0", group: "server", Servers.configSet)
        add(
            "config|resetstat", 2, "admin noscript loading stale", "@admin @slow @dangerous",
            "Reset the stats returned by INFO", since: "2.0.0", group: "server", Servers.configResetstat)
        add(
            "config|help", 2, "loading stale", "@slow",
            "Show helpful text about the different subcommands", since: "5.0.0", group: "server", Servers.configHelp)
        add(
            "command", -1, "loading stale", "@slow @connection",
            tips: "nondeterministic_output_order",
            "Get array of Redis command details", since: "2.8.13", group: "server", Servers.command)
        add(
            "command|count", 2, "loading stale", "@slow @connection",
            "Get total number of Redis commands", since: "2.8.13", group: "server", Servers.commandCount)
        add(
            "command|info", -2, "loading stale", "@slow @connection",
            tips: "nondeterministic_output_order",
            "Get array of specific Redis command details, or all when no argument is given.",
            since: "2.8.13", group: "server", Servers.commandInfo)
        add(
            "command|docs", -2, "loading stale", "@slow @connection",
            tips: "nondeterministic_output_order",
            "Get array of specific Redis command documentation", since: "7.0.0", group: "server", Servers.commandDocs)
        add(
            "command|list", -2, "loading stale", "@slow @connection",
            tips: "nondeterministic_output_order",
            "Get an array of Redis command names", since: "7.0.0", group: "server", Servers.commandList)
        add(
            "command|getkeys", -4, "loading stale", "@slow @connection",
            "Extract keys given a full Redis command", since: "2.8.13", group: "server", Servers.commandGetkeys)
        add(
            "command|getkeysandflags", -4, "loading stale", "@slow @connection",
            "Extract keys and access flags given a full Redis command",
            since: "7.0.0", group: "server", Servers.commandGetkeysandflags)
        add(
            "command|help", 2, "loading stale", "@slow @connection",
            "Show helpful text about the different subcommands", since: "5.0.0", group: "server", Servers.commandHelp)
        add(
            "time", 1, "loading stale fast", "@fast",
            tips: "nondeterministic_output",
            "Return the current server time", since: "2.6.0", group: "server", Servers.time)
        add(
            "slowlog", -2, "", "@slow",
            "A container for slow log commands", since: "2.2.12", group: "server", Dispatch.container)
        add(
            "slowlog|get", -2, "admin loading stale", "@admin @slow @dangerous",
            tips: "request_policy:all_nodes nondeterministic_output",
            "Get the slow log's entries", since: "2.2.12", group: "server", Servers.slowlogGet)
        add(
            "slowlog|len", 2, "admin loading stale", "@admin @slow @dangerous",
            tips: "request_policy:all_nodes response_policy:agg_sum nondeterministic_output",
            "Get the slow log's length", since: "2.2.12", group: "server", Servers.slowlogLen)
        add(
            "slowlog|reset", 2, "admin loading stale", "@admin @slow @dangerous",
            tips: "request_policy:all_nodes response_policy:all_succeeded",
            "Clear all entries from the slow log", since: "2.2.12", group: "server", Servers.slowlogReset)
        add(
            "slowlog|help", 2, "loading stale", "@slow",
            "Show helpful text about the different subcommands", since: "6.2.0", group: "server", Servers.slowlogHelp)
        add(
            "latency", -2, "", "@slow",
            "A container for latency diagnostics commands", since: "2.8.13", group: "server", Dispatch.container)
        add(
            "latency|histogram", -2, "admin noscript loading stale", "@admin @slow @dangerous",
            tips: "nondeterministic_output request_policy:all_nodes response_policy:special",
            "Return the cumulative distribution of latencies of a subset of commands or all.",
            since: "7.0.0", group: "server", Servers.latencyHistogram)
        add(
            "latency|help", 2, "loading stale", "@slow",
            "Show helpful text about the different subcommands.",
            since: "2.8.13", group: "server", Servers.latencyHelp)
        add(
            "role", 1, "noscript loading stale fast", "@admin @fast @dangerous",
            "Return the role of the instance in the context of replication",
            since: "2.8.12", group: "server", Servers.role)
        add(
            "wait", 3, "noscript", "@slow @connection",
            tips: "request_policy:all_shards response_policy:agg_min",
            "Wait for the synchronous replication of all the write commands sent in the context of the current "
                + "connection",
            since: "3.0.0", group: "generic", Servers.wait)
        add(
            "waitaof", 4, "noscript", "@slow @connection",
            tips: "request_policy:all_shards response_policy:agg_min",
            "Wait until this node and replicas have synced the client's writes",
            since: "7.2.0", group: "generic", Servers.waitaof)
        add(
            "replicaof", 3, "admin noscript stale no_async_loading", "@admin @slow @dangerous",
            "Make the server a replica of another instance, or promote it as master.",
            since: "5.0.0", group: "server", Servers.replicaof)
        add(
            "slaveof", 3, "admin noscript stale no_async_loading", "@admin @slow @dangerous",
            "Make the server a replica of another instance, or promote it as master.",
            since: "1.0.0", group: "server", Servers.slaveof)
        add(
            "failover", -1, "admin noscript stale", "@admin @slow @dangerous",
            "Start a coordinated failover between this server and one of its replicas.",
            since: "6.2.0", group: "server", Servers.failover)
    }

    private static func addAccessCommands() {
        add(
            "acl", -2, "", "@slow",
            "A container for Access List Control commands ", since: "6.0.0", group: "server", Dispatch.container)
        add(
            "acl|cat", -2, "noscript loading stale", "@slow",
            "List the ACL categories or the commands inside a category",
            since: "6.0.0", group: "server", AccessCommands.aclCat)
        add(
            "acl|deluser", -3, "admin noscript loading stale", "@admin @slow @dangerous",
            "Remove the specified ACL users and the associated rules",
            since: "6.0.0", group: "server", AccessCommands.aclDeluser)
        add(
            "acl|dryrun", -4, "admin noscript loading stale", "@admin @slow @dangerous",
            "Returns whether the user can execute the given command without executing the command.",
            since: "7.0.0", group: "server", AccessCommands.aclDryrun)
        add(
            "acl|genpass", -2, "noscript loading stale", "@slow",
            "Generate a pseudorandom secure password to use for ACL users",
            since: "6.0.0", group: "server", AccessCommands.aclGenpass)
        add(
            "acl|getuser", 3, "admin noscript loading stale", "@admin @slow @dangerous",
            "Get the rules for a specific ACL user", since: "6.0.0", group: "server", AccessCommands.aclGetuser)
        add(
            "acl|list", 2, "admin noscript loading stale", "@admin @slow @dangerous",
            "List the current ACL rules in ACL config file format",
            since: "6.0.0", group: "server", AccessCommands.aclList)
        add(
            "acl|load", 2, "admin noscript loading stale", "@admin @slow @dangerous",
            "Reload the ACLs from the configured ACL file", since: "6.0.0", group: "server", AccessCommands.aclLoad)
        add(
            "acl|log", -2, "admin noscript loading stale", "@admin @slow @dangerous",
            "List latest events denied because of ACLs in place",
            since: "6.0.0", group: "server", AccessCommands.aclLog)
        add(
            "acl|save", 2, "admin noscript loading stale", "@admin @slow @dangerous",
            "Save the current ACL rules in the configured ACL file",
            since: "6.0.0", group: "server", AccessCommands.aclSave)
        add(
            "acl|setuser", -3, "admin noscript loading stale", "@admin @slow @dangerous",
            "Modify or create the rules for a specific ACL user",
            since: "6.0.0", group: "server", AccessCommands.aclSetuser)
        add(
            "acl|users", 2, "admin noscript loading stale", "@admin @slow @dangerous",
            "List the username of all the configured ACL rules",
            since: "6.0.0", group: "server", AccessCommands.aclUsers)
        add(
            "acl|whoami", 2, "noscript loading stale", "@slow",
            "Return the name of the user associated to the current connection",
            since: "6.0.0", group: "server", AccessCommands.aclWhoami)
        add(
            "acl|help", 2, "loading stale", "@slow",
            "Show helpful text about the different subcommands",
            since: "6.0.0", group: "server", AccessCommands.aclHelp)
    }
}
