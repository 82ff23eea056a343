/// Finds requests in the bytes of a connection: arrays of bulk strings, or lines of words (inline commands). Keeps what
/// it has found of an unfinished request, so that no byte is looked at again. Offsets count from the first byte that was
/// not consumed; the connection consumes `length` bytes once the request was carried out.
struct RequestDecoder {
    /// Bounds on what one request may ask for.
    struct Limits {
        var inline = 64 << 10
        var bulk = 16 << 20
        var arguments = 1 << 20
        /// All arguments together, as they lie in the request.
        var request = 128 << 20
        /// Whoever has not said who he is gets less.
        static let unauthenticatedArguments = 10
        static let unauthenticatedBulk = 16 << 10
    }

    enum Step {
        /// More bytes are needed.
        case incomplete
        /// A request is there; its arguments were set.
        case request
        /// Nothing was asked: an empty line or array.
        case nothing
        /// The bytes are no request; the connection is to be closed after the error.
        case damaged(String)
    }

    var limits = Limits()
    /// Bytes of the request that was found.
    private(set) var length = 0
    private var remaining = -1
    private var bulkLength = -1
    /// Where the search for the end of a line goes on.
    private var searched = 0

    /// Forgets a request that was carried out.
    @inline(__always)
    mutating func finish() {
        length = 0
        remaining = -1
        bulkLength = -1
        searched = 0
    }

    /// Looks on in `bytes`, which begin with the request.
    @inline(__always)
    mutating func next(_ bytes: ByteSlice, _ arguments: Arguments, isAuthenticated: Bool) -> Step {
        if remaining < 0 {
            if bytes.isEmpty { return .incomplete }
            guard bytes[0] == UInt8(ascii: "*") else { return inline(bytes, arguments) }
            arguments.removeAll()
            switch number(bytes, "too big mbulk count string") {
            case .none: return .incomplete
            case .failed(let text): return .damaged(text)
            case .value(let count):
                guard let count, count <= limits.arguments else { return .damaged("invalid multibulk length") }
                if count > Limits.unauthenticatedArguments, !isAuthenticated {
                    return .damaged("unauthenticated multibulk length")
                }
                if count <= 0 { return .nothing }
                remaining = count
            }
        }
        while remaining > 0 {
            if bulkLength < 0 {
                switch bulkHeader(bytes, isAuthenticated) {
                case .none: return .incomplete
                case .failed(let text): return .damaged(text)
                case .value(let count): bulkLength = count ?? 0
                }
            }
            guard bytes.count &- length >= bulkLength &+ 2 else { return .incomplete }
            arguments.append(start: length, length: bulkLength)
            length &+= bulkLength &+ 2
            searched = length
            bulkLength = -1
            remaining &-= 1
        }
        arguments.attach(bytes)
        return .request
    }

    /// How many bytes the request is known to need beyond those that are there.
    func missing(of count: Int) -> Int { bulkLength < 0 ? 0 : max(0, length + bulkLength + 2 - count) }

    private enum Header {
        case none
        case failed(String)
        case value(Int?)
    }

    @inline(__always)
    private mutating func bulkHeader(_ bytes: ByteSlice, _ isAuthenticated: Bool) -> Header {
        guard length < bytes.count else { return .none }
        // Redis looks for the line's end first, and only then at what the line is.
        let first = bytes[length]
        let header = number(bytes, "too big bulk count string", isBulk: true)
        guard case .value(let count) = header else { return header }
        if first != UInt8(ascii: "$") {
            return .failed("expected '$', got '\(Character(UnicodeScalar(first)))'")
        }
        guard let count, count >= 0, count <= limits.bulk else { return .failed("invalid bulk length") }
        if length &+ count > limits.request { return .failed("too big request") }
        if count > Limits.unauthenticatedBulk, !isAuthenticated { return .failed("unauthenticated bulk length") }
        return .value(count)
    }

    /// Reads a line of a sign and a number; on success `length` is behind it.
    @inline(__always)
    private mutating func number(_ bytes: ByteSlice, _ tooLong: String, isBulk: Bool = false) -> Header {
        var place = max(searched, length)
        let count = bytes.count
        while place < count, bytes[place] != 13 { place &+= 1 }
        guard place &+ 1 < count else {
            searched = place
            return count - length > limits.inline && place >= count ? .failed(tooLong) : .none
        }
        let text = bytes.slice(length &+ 1, max(0, place &- length &- 1))
        length = place &+ 2
        searched = length
        return .value(Decimal.parse(text))
    }

    // MARK: Inline

    private mutating func inline(_ bytes: ByteSlice, _ arguments: Arguments) -> Step {
        var place = searched
        while place < bytes.count, bytes[place] != 10 { place += 1 }
        guard place < bytes.count else {
            searched = place
            return bytes.count > limits.inline ? .damaged("too big inline request") : .incomplete
        }
        length = place + 1
        let end = place > 0 && bytes[place - 1] == 13 ? place - 1 : place
        arguments.removeAll()
        guard let words = InlineWords.split(bytes.slice(0, end)) else {
            return .damaged("unbalanced quotes in request")
        }
        if words.places.isEmpty { return .nothing }
        if words.places.count > limits.arguments { return .damaged("invalid multibulk length") }
        held.clear(keeping: 1 << 16)
        held.append(words.bytes)
        for place in words.places { arguments.append(start: place.start, length: place.length) }
        arguments.attach(held.slice)
        return .request
    }

    /// The words of an inline request, without quotes and escapes.
    private let held = ByteBox()
}
