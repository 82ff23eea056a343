/// Collects the entries of one data block and lays them out when the block is cut.
final class DataBlockBuilder {
    private struct Item {
        let keyAt: Int
        let keyLength: Int
        let valueLength: Int
        let sequence: SequenceNumber
        let deadline: UInt64
        let tag: UInt8
        let isDelete: Bool
    }

    private let stored = Owned<[Item]>([])
    private var items: [Item] {
        @inline(__always) _read { yield stored.value }
        @inline(__always) _modify { yield &stored.value }
    }
    /// Keys and values one after another, in order.
    private let content = ByteWriter(capacity: 8192)
    private var keyBytes = 0
    private var valueBytes = 0
    private var prefix = 0
    private var leastSequence: UInt64 = 0
    private var greatestSequence: UInt64 = 0
    private var leastDeadline: UInt64 = 0
    private var greatestDeadline: UInt64 = 0
    private var hasDeletes = false
    private var sameLength = true

    /// How many entries were added since the last reset.
    var count: Int { items.count }

    /// Bytes of keys and values at hand.
    var contentBytes: Int { content.count }

    /// The key added last; valid until the next change.
    var lastKey: ByteView {
        let item = items[items.count - 1]
        return content.view.slice(item.keyAt, item.keyLength)
    }

    /// The content's size if `entry` came in too: never less than what it will be.
    func size(adding entry: Entry) -> Int {
        let count = items.count + 1
        let shared = items.isEmpty ? entry.key.count : sharedPrefix(with: entry.key)
        let least = items.isEmpty ? entry.sequence : min(leastSequence, entry.sequence)
        let greatest = items.isEmpty ? entry.sequence : max(greatestSequence, entry.sequence)
        var size = DataBlock.header + count * 3 + 2 + shared
        size += keyBytes + entry.key.count - count * shared + valueBytes + entry.value.count
        if greatest != least { size += count << log(greatest - least) }
        if hasDeletes || entry.kind == .delete { size += (count + 7) / 8 }
        if entry.deadline != 0 || greatestDeadline != 0 { size += 8 + count * 8 }
        if !sameLength || (!items.isEmpty && entry.key.count != items[0].keyLength) { size += count * 2 }
        return size
    }

    /// Appends an entry, which must come after the one before.
    func add(_ entry: Entry, tag: UInt8) {
        if items.isEmpty {
            prefix = entry.key.count
            leastSequence = entry.sequence
            greatestSequence = entry.sequence
        } else {
            prefix = sharedPrefix(with: entry.key)
            leastSequence = min(leastSequence, entry.sequence)
            greatestSequence = max(greatestSequence, entry.sequence)
            if entry.key.count != items[0].keyLength { sameLength = false }
        }
        if entry.deadline != 0 {
            leastDeadline = greatestDeadline == 0 ? entry.deadline : min(leastDeadline, entry.deadline)
            greatestDeadline = max(greatestDeadline, entry.deadline)
        }
        if entry.kind == .delete { hasDeletes = true }
        items.append(
            Item(
                keyAt: content.count, keyLength: entry.key.count, valueLength: entry.value.count,
                sequence: entry.sequence, deadline: entry.deadline, tag: tag, isDelete: entry.kind == .delete))
        keyBytes += entry.key.count
        valueBytes += entry.value.count
        content.append(entry.key)
        content.append(entry.value)
    }

    /// Appends the block's content to `out`. `continues` says that the next block begins with this one's last key.
    func finish(into out: ByteWriter, continues: Bool) {
        precondition(!items.isEmpty)
        let start = out.count
        let count = items.count
        var columns = 0
        var layout = continues ? DataBlock.continues : 0
        var entries = keyBytes - count * prefix + valueBytes + (sameLength ? 0 : 2 * count)
        entries += prefix
        let sequenceLog = log(greatestSequence - leastSequence)
        if greatestSequence != leastSequence {
            columns |= DataBlock.sequences
            layout |= sequenceLog
        }
        if hasDeletes { columns |= DataBlock.kinds }
        var deadlineLog = 0
        if greatestDeadline != 0 {
            columns |= DataBlock.deadlines
            // One more than the distance, as 0 stands for "never"; a distance of 2^64 - 1 cannot be: deadlines begin at
            // 1.
            deadlineLog = log(greatestDeadline - leastDeadline + 1)
            layout |= deadlineLog << 2
        }
        var head = DataBlock.header + count
        if columns & DataBlock.sequences != 0 { head += count << sequenceLog }
        if columns & DataBlock.kinds != 0 { head += (count + 7) / 8 }
        if columns & DataBlock.deadlines != 0 { head += 8 + count << deadlineLog }
        let wide = head + 2 * (count + 1) + entries > 0xFFFF
        if wide { layout |= DataBlock.wide }
        head += (count + 1) * (wide ? 4 : 2)

        out.reserve(head + entries)
        out.append(UInt16(count))
        out.append(UInt8(columns))
        out.append(UInt8(layout))
        out.append(UInt16(prefix))
        out.append(UInt16(sameLength ? items[0].keyLength - prefix : DataBlock.ownLength))
        out.append(leastSequence)
        if columns & DataBlock.deadlines != 0 { out.append(leastDeadline) }
        for item in items { out.append(item.tag) }
        var offset = head + prefix
        appendOffset(offset, wide, out)
        for item in items {
            offset += item.keyLength - prefix + item.valueLength + (sameLength ? 0 : 2)
            appendOffset(offset, wide, out)
        }
        if columns & DataBlock.sequences != 0 {
            for item in items { append(item.sequence - leastSequence, log: sequenceLog, out) }
        }
        if hasDeletes { appendKinds(out) }
        if columns & DataBlock.deadlines != 0 {
            for item in items {
                append(item.deadline == 0 ? 0 : item.deadline - leastDeadline + 1, log: deadlineLog, out)
            }
        }
        let view = content.view
        out.append(view.slice(items[0].keyAt, prefix))
        for item in items {
            if !sameLength { out.append(UInt16(item.keyLength - prefix)) }
            out.append(view.slice(item.keyAt + prefix, item.keyLength - prefix + item.valueLength))
        }
        precondition(out.count - start == offset, "a data block was laid out otherwise than it was measured")
    }

    /// Forgets the entries and keeps the memory.
    func reset() {
        items.removeAll(keepingCapacity: true)
        content.reset(keeping: 1 << 20)
        keyBytes = 0
        valueBytes = 0
        prefix = 0
        leastDeadline = 0
        greatestDeadline = 0
        hasDeletes = false
        sameLength = true
    }

    /// How much of the common prefix so far `key` shares. As keys come in order, the first and the last decide.
    private func sharedPrefix(with key: ByteView) -> Int {
        let known = content.view.slice(items[0].keyAt, prefix)
        return key.starts(with: known) ? prefix : known.commonPrefix(with: key)
    }

    private func appendKinds(_ out: ByteWriter) {
        var bits: UInt8 = 0
        for (index, item) in items.enumerated() {
            if item.isDelete { bits |= 1 << UInt8(index & 7) }
            if index & 7 == 7 || index == items.count - 1 {
                out.append(bits)
                bits = 0
            }
        }
    }

    @inline(__always)
    private func appendOffset(_ offset: Int, _ wide: Bool, _ out: ByteWriter) {
        if wide { out.append(UInt32(offset)) } else { out.append(UInt16(offset)) }
    }

    @inline(__always)
    private func append(_ value: UInt64, log: Int, _ out: ByteWriter) {
        switch log {
        case 0: out.append(UInt8(value))
        case 1: out.append(UInt16(value))
        case 2: out.append(UInt32(value))
        default: out.append(value)
        }
    }

    /// log2 of the bytes that hold `range`.
    private func log(_ range: UInt64) -> Int {
        range <= 0xFF ? 0 : range <= 0xFFFF ? 1 : range <= 0xFFFF_FFFF ? 2 : 3
    }
}
