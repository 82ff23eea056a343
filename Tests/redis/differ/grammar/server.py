"""Commands on the server."""

from __future__ import annotations

from differ.arguments import Arguments
from differ.grammar.rule import Rule, Words

#: Commands that both sides have, for questions about commands.
SHARED = """GET SET MGET MSET MSETNX SETNX SETEX PSETEX GETEX GETDEL GETSET APPEND STRLEN GETRANGE SUBSTR SETRANGE INCR DECR
INCRBY DECRBY INCRBYFLOAT HSET HSETNX HMSET HGET HMGET HGETALL HKEYS HVALS HLEN HEXISTS HDEL HSTRLEN HINCRBY
HINCRBYFLOAT HRANDFIELD HSCAN DEL UNLINK EXISTS TYPE EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL EXPIRETIME PEXPIRETIME
PERSIST SCAN KEYS RANDOMKEY RENAME RENAMENX COPY TOUCH DBSIZE FLUSHDB FLUSHALL MULTI EXEC DISCARD WATCH UNWATCH AUTH
HELLO PING ECHO SELECT QUIT RESET INFO TIME ROLE WAIT""".split()


def config(draw: Arguments) -> Words:
    """CONFIG on settings that both sides have."""
    match draw.pick("GET", "GET", "SET", "RESETSTAT", "HELP"):
        case "GET":
            return [b"GET", *draw.some(lambda: draw.pick("appendfsync", "slowlog-log-slower-than", "slowlog-max-len",
                                                         "nothing-of-this-name", "SLOWLOG-MAX-LEN", "requirepass").encode(), 2)]  # fmt: skip
        case "SET":
            name = draw.pick("slowlog-log-slower-than", "slowlog-max-len", "appendfsync", "nothing-of-this-name",
                             "requirepass")  # fmt: skip
            value = draw.pick("everysec", "sometimes") if name == "appendfsync" else draw.pick("10000", "128", "x", "")
            words = [b"SET", name.encode(), value.encode(), *([b"odd"] if draw.one_in(10) else [])]
            if draw.one_in(3):
                words += draw.chance.choice([[b"slowlog-max-len", b"128"], [b"slowlog-log-slower-than", b"x"],
                                             [b"databases", b"1"], [b"Requirepass", b"secret"]])  # fmt: skip
            return words
        case word:
            return [word.encode()]


def command(draw: Arguments) -> Words:
    """COMMAND on commands that both sides have."""
    names = [draw.chance.choice(SHARED).encode() for _ in range(draw.chance.randint(1, 2))]
    match draw.pick("INFO", "INFO", "GETKEYS", "GETKEYSANDFLAGS", "LIST", "DOCS", "HELP"):
        case "INFO":
            return [b"INFO", *names, *([b"nothing"] if draw.one_in(5) else [])]
        case "GETKEYS":
            return [b"GETKEYS", names[0], *draw.some(draw.key, 4)]
        case "GETKEYSANDFLAGS":
            return [b"GETKEYSANDFLAGS", names[0], *draw.some(draw.key, 4)]
        case "LIST":
            if draw.one_in(2):
                # Of these categories both sides have all commands.
                category = draw.pick("hash", "transaction", "HASH", "nothing")
                return [b"LIST", b"FILTERBY", draw.pick("ACLCAT", "aclcat", "what").encode(), category.encode()]
            return [b"LIST", b"FILTERBY", b"PATTERN", draw.pick("hset*", "nothing", "hge?").encode()]
        case "DOCS":
            return [b"DOCS", *names]
        case word:
            return [word.encode()]


def acl(draw: Arguments) -> Words:
    """ACL on users of the test's own. Connections are cora's now and then, so nobody deletes her: that would end them."""
    user = draw.pick("anna", "bert").encode()
    rules = [b"on", b"off", b">secret", b"<secret", b"nopass", b"resetpass", b"~k*", b"~*", b"%R~h*", b"%W~n*", b"resetkeys",
             b"+@all", b"-@all", b"+get", b"-set", b"+@read", b"-@dangerous", b"+@hash", b"+config|get", b"-config",
             b"allkeys", b"allcommands", b"nocommands", b"reset", b"+nothing", b"@x", b"+@nothing", b"~k1", b"%X~h",
             b"#zz", b"+select", b"-@keyspace", b"+client|nosuch", b"-config|sett", b"+config|get|x", b"-get|x",
             b"+select|", b"+client|tracking", b"-object|freq", b"+nothing|x"]  # fmt: skip
    usable = [b"on", b">secret", b"~*", b"+@all"] if draw.one_in(2) else []
    match draw.pick("SETUSER", "SETUSER", "SETUSER", "GETUSER", "LIST", "USERS", "WHOAMI", "DELUSER", "CAT", "DRYRUN",
                    "GENPASS", "HELP", "LOG"):  # fmt: skip
        case "SETUSER":
            return [b"SETUSER", draw.chance.choice([user, b"cora"]), *usable, *draw.chance.choices(rules, k=draw.chance.randrange(4))]
        case "GETUSER":
            return [b"GETUSER", draw.chance.choice([user, b"default", b"nobody"])]
        case "DELUSER":
            return [b"DELUSER", draw.chance.choice([user, b"default", b"nobody"])]
        case "CAT":
            return [b"CAT", *draw.chance.choice([[], [b"nothing"], [b"nothing" * 30], [b"transaction"]])]
        case "LOG":
            return [b"LOG", *draw.chance.choice([[], [], [b"2"], [b"-1"], [b"x"], [b"RESET"], [b"1", b"2"]])]
        case "DRYRUN":
            command = draw.chance.choice(SHARED).encode()
            return [b"DRYRUN", draw.chance.choice([user, b"default", b"nobody"]), command, *draw.some(draw.key, 3)]
        case "GENPASS":
            return [b"GENPASS", *draw.chance.choice([[], [b"128"], [b"5"], [b"0"], [b"x"], [b"5000"]])]
        case word:
            return [word.encode()]


RULES = [
    Rule("TIME", 0.2, lambda draw: []),
    Rule("INFO", 0.2, lambda draw: draw.some(lambda: draw.pick("server", "keyspace", "nothing", "clients").encode(), 2)),
    Rule("ROLE", 0.1, lambda draw: []),
    Rule("WAIT", 0.2, lambda draw: [draw.pick("0", "-1", "x").encode(), draw.pick("0", "10", "-1", "x").encode()]),
    Rule("CONFIG", 0.7, config),
    Rule("COMMAND", 1, command),
    Rule("COMMAND", 0.05, lambda draw: []),
    Rule("SLOWLOG", 0.3, lambda draw: [draw.pick("GET", "LEN", "RESET", "HELP", "WHAT").encode()]),
    Rule("SLOWLOG", 0.2, lambda draw: [b"GET", draw.pick("0", "1", "-1", "-2", "x").encode()]),
    Rule("LATENCY", 0.2, lambda draw: [b"HISTOGRAM", *draw.some(lambda: draw.pick("nothing", "odd").encode(), 2)]),
    Rule("ACL", 1.5, acl),
]
