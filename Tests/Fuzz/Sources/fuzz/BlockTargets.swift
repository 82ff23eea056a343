@testable import GodwitEngine

/// Fifty entries of all kinds, in key order.
private let entries: [(key: [UInt8], value: [UInt8])] = (0..<50).map { number in
    (Array("plane/N\(1000 + number)".utf8), Array(repeating: UInt8(number), count: number))
}

/// A data block's content behind its checksum.
enum BlockTarget: FuzzTarget {
    static var seeds: [[UInt8]] {
        let builder = DataBlockBuilder()
        for (number, entry) in entries.enumerated() {
            entry.key.withView { key in
                entry.value.withView { value in
                    builder.add(
                        Entry(
                            key: key, sequence: UInt64(number + 1), kind: number % 7 == 0 ? .delete : .put,
                            deadline: number % 5 == 0 ? 1_700_000_000_000 : 0, value: value),
                        tag: UInt8(number))
                }
            }
        }
        let block = ByteWriter()
        builder.finish(into: block, continues: false)
        return [block.array]
    }

    static func run(_ bytes: [UInt8]) {
        inCache(bytes) { (view) throws(FormatProblem) in
            try DataBlock.validate(view)
        } use: { bytes in
            let block = DataBlock(bytes)
            for entry in 0..<block.count {
                _ = (block.suffix(entry).array, block.value(entry).array, block.sequence(entry), block.deadline(entry))
                _ = block.kind(entry)
            }
            entries[3].key.withView { _ = (block.find($0, hash: 7, at: 9), block.lowerBound($0)) }
        }
    }
}

/// An index block's content behind its checksum.
enum IndexTarget: FuzzTarget {
    static var seeds: [[UInt8]] {
        let builder = IndexBlockBuilder(firstUnit: 0, baseOffset: 10)
        for entry in entries { entry.key.withView { builder.add($0, length: 40) } }
        return [builder.finish().array]
    }

    static func run(_ bytes: [UInt8]) {
        inCache(bytes) { (view) throws(FormatProblem) in
            try IndexBlock.validate(view, units: 1000, end: 1 << 30)
        } use: { bytes in
            let block = IndexBlock(bytes)
            for row in 0..<block.count { _ = (block.separator(row), block.handle(row)) }
            entries[3].key.withView { _ = block.lowerBound($0) }
        }
    }
}

/// Reads content where it is accepted, in memory of its exact length and slack, as the block cache holds it.
private func inCache(
    _ bytes: [UInt8], check: (ByteView) throws(FormatProblem) -> Void, use: (TrustedBytes) -> Void
) {
    let block = CachedBlock.allocate(length: bytes.count, kind: .data)
    defer { block.deallocate() }
    for (offset, byte) in bytes.enumerated() { block.target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self) }
    do throws(FormatProblem) { try check(block.view) } catch { return }
    use(block.content)
}
