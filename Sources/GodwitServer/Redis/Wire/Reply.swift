/// Puts replies into bytes, in the protocol version that the client speaks. What version 2 cannot say it says as
/// Redis does: a map as a flat array, a double as text, a null as a missing bulk string.
final class Reply {
    /// What waits to be sent.
    let bytes = ByteBox(capacity: 1024)
    /// The most bytes that may wait: a bulk string past it is left out, and `isOver` set.
    private let limit: Int
    /// Whether something was left out, so that what is there is no reply.
    private(set) var isOver = false
    /// 2 or 3, as the client said by HELLO.
    var version = 2

    var isVersion3: Bool { version == 3 }

    init(limit: Int) { self.limit = limit }

    /// Whether so many more bytes may be said.
    func hasRoom(for count: Int) -> Bool { bytes.count + count <= limit }

    /// Takes back what was said from a place on.
    func truncate(to length: Int) {
        bytes.truncate(to: length)
        isOver = false
    }

    /// `+OK`.
    @inline(__always)
    func ok() { bytes.append("+OK\r\n" as StaticString) }

    /// A word that needs no length.
    func simple(_ text: StaticString) {
        bytes.append(UInt8(ascii: "+"))
        bytes.append(text)
        end()
    }

    /// An error; `text` begins with its code.
    func error(_ text: ErrorText) {
        bytes.append(UInt8(ascii: "-"))
        for byte in text.bytes { bytes.append(byte == 13 || byte == 10 ? 32 : byte) }
        end()
    }

    @inline(__always)
    func integer(_ value: Int) {
        bytes.append(UInt8(ascii: ":"))
        bytes.appendDecimal(value)
        end()
    }

    @inline(__always)
    func bulk(_ value: ByteSlice) {
        if bytes.count &+ value.count > limit {
            isOver = true
            return
        }
        header(UInt8(ascii: "$"), value.count)
        bytes.append(value)
        end()
    }

    func bulk(_ value: [UInt8]) { value.withSlice { bulk($0) } }

    func bulk(_ text: String) { bulk(Array(text.utf8)) }

    /// A bulk string that shows a number.
    func bulk(_ value: Int) { bulk("\(value)") }

    /// Text for people: a verbatim string in version 3.
    func verbatim(_ text: String, _ kind: StaticString = "txt") {
        guard isVersion3 else { return bulk(text) }
        header(UInt8(ascii: "="), text.utf8.count + 4)
        bytes.append(kind)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(text)
        end()
    }

    /// A number with a fraction.
    func double(_ value: Double) {
        guard isVersion3 else { return bulk("\(value)") }
        bytes.append(UInt8(ascii: ","))
        bytes.append("\(value)")
        end()
    }

    /// Nothing there.
    @inline(__always)
    func null() {
        if isVersion3 { bytes.append("_\r\n" as StaticString) } else { bytes.append("$-1\r\n" as StaticString) }
    }

    /// No array there.
    func nullArray() {
        if isVersion3 { bytes.append("_\r\n" as StaticString) } else { bytes.append("*-1\r\n" as StaticString) }
    }

    @inline(__always)
    func array(_ count: Int) { header(UInt8(ascii: "*"), count) }

    /// So many pairs follow.
    func map(_ pairs: Int) {
        if isVersion3 { header(UInt8(ascii: "%"), pairs) } else { header(UInt8(ascii: "*"), pairs * 2) }
    }

    /// So many members follow.
    func set(_ count: Int) { header(isVersion3 ? UInt8(ascii: "~") : UInt8(ascii: "*"), count) }

    @inline(__always)
    private func header(_ kind: UInt8, _ count: Int) {
        bytes.append(kind)
        bytes.appendDecimal(count)
        end()
    }

    @inline(__always)
    private func end() {
        bytes.reserve(2)
        bytes.append(13)
        bytes.append(10)
    }
}
