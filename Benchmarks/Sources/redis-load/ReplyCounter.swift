/// Finds where replies end, in pieces as they arrive; keeps nothing but where it stands.
struct ReplyCounter {
    /// How a whole reply began.
    enum Kind {
        case answer
        /// The server says that it has too much to do.
        case refusal
        case error
    }

    private var line: [UInt8] = []
    /// Values that the present reply still has to come.
    private var missing = 1
    /// Bytes of a bulk string, and its end, still to come.
    private var skipping = 0
    private var kind = Kind.answer
    private var isFirst = true

    /// Takes bytes; calls `ended` at the end of each reply.
    mutating func take(_ bytes: UnsafeRawBufferPointer, ended: (Kind) -> Void) {
        var at = 0
        while at < bytes.count {
            if skipping > 0 {
                let count = min(skipping, bytes.count - at)
                skipping -= count
                at += count
                if skipping == 0 { valueEnded(ended) }
                continue
            }
            let byte = bytes[at]
            at += 1
            if byte != UInt8(ascii: "\n") {
                line.append(byte)
            } else {
                takeLine(ended)
            }
        }
    }

    private mutating func takeLine(_ ended: (Kind) -> Void) {
        let type = line.first ?? 0
        if isFirst {
            isFirst = false
            kind = type != UInt8(ascii: "-") ? .answer : line.starts(with: Array("-BUSY".utf8)) ? .refusal : .error
        }
        defer { line.removeAll(keepingCapacity: true) }
        switch type {
        case UInt8(ascii: "$") where line.count > 1 && line[1] != UInt8(ascii: "-"):
            skipping = number + 2
        case UInt8(ascii: "*") where line.count > 1 && line[1] != UInt8(ascii: "-"):
            missing += number
            valueEnded(ended)
        default:
            valueEnded(ended)
        }
    }

    /// The number after the line's first byte.
    private var number: Int {
        line.dropFirst().reduce(0) { sum, byte in
            byte >= 48 && byte <= 57 ? sum * 10 + Int(byte - 48) : sum
        }
    }

    private mutating func valueEnded(_ ended: (Kind) -> Void) {
        missing -= 1
        guard missing == 0 else { return }
        missing = 1
        isFirst = true
        ended(kind)
    }
}
