/// Collects the rows of one index partition (or of the top index) and lays them out.
final class IndexBlockBuilder {
    private var lengths: [Int] = []
    private var ends: [UInt32] = []
    private let separators = ByteWriter(capacity: 1024)
    private var prefix = 0
    private let firstUnit: Int
    private let baseOffset: UInt64

    /// Begins a block whose first row is unit `firstUnit` at `baseOffset`.
    init(firstUnit: Int, baseOffset: UInt64) {
        self.firstUnit = firstUnit
        self.baseOffset = baseOffset
    }

    var count: Int { lengths.count }
    /// About how long the content will be.
    var size: Int { IndexBlock.header + 21 * count + separators.count }
    /// Bytes of the units in the rows.
    var span: UInt64 { UInt64(ends.last ?? 0) }
    /// The separator added last.
    var lastSeparator: [UInt8] {
        let length = lengths[lengths.count - 1]
        return separators.view.slice(separators.count - length, length).array
    }

    /// Appends the row of a unit that is stored in `length` bytes.
    func add(_ separator: ByteView, length: Int) {
        if lengths.isEmpty {
            prefix = separator.count
        } else {
            prefix = separators.view.slice(0, prefix).commonPrefix(with: separator)
        }
        lengths.append(separator.count)
        ends.append((ends.last ?? 0) + UInt32(length))
        separators.append(separator)
    }

    /// The block's content.
    func finish() -> ByteWriter {
        let out = ByteWriter(capacity: size)
        let rests = lengths.contains { $0 > prefix + 8 }
        out.append(UInt32(count))
        out.append(UInt32(firstUnit))
        out.append(baseOffset)
        out.append(UInt16(prefix))
        out.append(UInt16(rests ? IndexBlock.hasRests : 0))
        out.append(UInt32(0))
        forEach { out.append($0.dropFirst(prefix).orderWord) }
        out.append(UInt32(0))
        for end in ends { out.append(end) }
        for length in lengths { out.append(UInt8(min(length - prefix, 8))) }
        if rests {
            var offset = 0
            out.append(UInt32(0))
            for length in lengths {
                offset += max(length - prefix - 8, 0)
                out.append(UInt32(offset))
            }
        }
        out.append(separators.view.slice(0, prefix))
        if rests { forEach { out.append($0.dropFirst(min($0.count, prefix + 8))) } }
        return out
    }

    private func forEach(_ body: (ByteView) -> Void) {
        var offset = 0
        for length in lengths {
            body(separators.view.slice(offset, length))
            offset += length
        }
    }

    /// A short key that is at least `last` and below `next` (which is above `last`): what an index keeps for a block
    /// that ends with `last` when the next one begins with `next`.
    static func separator(_ last: ByteView, _ next: ByteView) -> [UInt8] {
        let shared = last.commonPrefix(with: next)
        if shared == last.count { return last.array }
        if last[shared] + 1 < next[shared] { return last.slice(0, shared).array + [last[shared] + 1] }
        if next.count > shared + 1 { return next.slice(0, shared + 1).array }
        var at = shared + 1
        while at < last.count, last[at] == 0xFF { at += 1 }
        if at + 1 >= last.count { return last.array }
        return last.slice(0, at).array + [last[at] + 1]
    }
}
