/// Deadlines as commands give them.
enum Expiry {
    /// In what a time is given.
    enum Unit { case seconds, milliseconds }

    /// The deadline that an argument of SET and its kin means.
    static func deadline(
        _ call: Call, _ argument: Int, _ unit: Unit, isAbsolute: Bool
    ) throws(Interrupt) -> UInt64 {
        var milliseconds = try call.integer(argument)
        let invalid = Interrupt.failed("ERR invalid expire time in '\(call.command.name)' command")
        if milliseconds <= 0 || unit == .seconds && milliseconds > Int.max / 1000 { throw invalid }
        if unit == .seconds { milliseconds *= 1000 }
        if !isAbsolute {
            if milliseconds > Int.max - Int(call.now) { throw invalid }
            milliseconds += Int(call.now)
        }
        return UInt64(milliseconds)
    }
}

/// The options behind the value of SET, or the key of GETEX.
struct StringOptions {
    enum Command { case set, getex }

    var isNX = false
    var isXX = false
    var isGet = false
    var keepsTTL = false
    var persists = false
    /// Which argument holds a time, and how it is to be read.
    var expiry: (argument: Int, unit: Expiry.Unit, isAbsolute: Bool)?
    private var word = ""

    @inline(__always)
    init(_ call: Call, from start: Int, _ command: Command) throws(Interrupt) {
        guard call.count > start else { return }
        try parse(call, start, command)
    }

    private mutating func parse(_ call: Call, _ start: Int, _ command: Command) throws(Interrupt) {
        var index = start
        while index < call.count {
            let option = call[index]
            let hasNext = index + 1 < call.count
            if command == .set, option.isWord("NX"), !isXX {
                isNX = true
            } else if command == .set, option.isWord("XX"), !isNX {
                isXX = true
            } else if command == .set, option.isWord("GET") {
                isGet = true
            } else if command == .set, option.isWord("KEEPTTL"), !persists, expiry == nil {
                keepsTTL = true
            } else if command == .getex, option.isWord("PERSIST"), !keepsTTL, expiry == nil {
                persists = true
            } else if hasNext, option.isWord("EX"), mayExpire("EX") {
                expiry = (index + 1, .seconds, false)
                index += 1
            } else if hasNext, option.isWord("PX"), mayExpire("PX") {
                expiry = (index + 1, .milliseconds, false)
                index += 1
            } else if hasNext, option.isWord("EXAT"), mayExpire("EXAT") {
                expiry = (index + 1, .seconds, true)
                index += 1
            } else if hasNext, option.isWord("PXAT"), mayExpire("PXAT") {
                expiry = (index + 1, .milliseconds, true)
                index += 1
            } else {
                throw .syntax
            }
            index += 1
        }
    }

    /// A time may be given once, or again by the same word.
    private mutating func mayExpire(_ word: String) -> Bool {
        if keepsTTL || persists { return false }
        if expiry != nil, self.word != word { return false }
        self.word = word
        return true
    }

    /// The deadline, where a time was given.
    func deadline(_ call: Call) throws(Interrupt) -> UInt64? {
        guard let expiry else { return nil }
        return try Expiry.deadline(call, expiry.argument, expiry.unit, isAbsolute: expiry.isAbsolute)
    }
}
