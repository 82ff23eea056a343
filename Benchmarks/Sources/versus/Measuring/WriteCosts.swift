import Foundation

/// What it costs a store to write rows, the background work that follows included.
struct WriteCosts {
    /// Puts a second, counted until that work is done.
    let perSecond: Double
    /// Bytes written to the disk for each byte of keys and values.
    let amplification: Double

    /// Puts the rows of an order, one after the other.
    static func measure(_ store: any Store, _ rows: Dataset, _ order: [UInt32], version: Int) -> WriteCosts {
        store.settle()
        let before = ProcessCosts.writtenBytes
        let begin = now()
        _ = run(store, [order], putOperation(rows, version: version))
        let end = store.settle()
        // What is still in the page cache counts too.
        sync()
        let written = Double(ProcessCosts.writtenBytes - before)
        let bytes = Double(order.count * (Dataset.keyLength + rows.valueLength))
        return WriteCosts(perSecond: Double(order.count) * 1e9 / Double(end - begin), amplification: written / bytes)
    }
}
