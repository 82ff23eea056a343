import Foundation
import Histogram
import Synchronization

extension Bench {
    /// `get-while-writing`: point reads while one thread writes at one rate for both engines, half of the slower one's
    /// maximum.
    func getWhileWriting(_ pair: Pair, _ rows: Dataset) {
        let probe = Order.uniform(scale.reads / 5, of: rows.count, seed: 41)
        let fastest = [pair.godwit, pair.peer].map { run($0, [probe], putOperation(rows, version: 2)).perSecond }
        let rate = fastest.min()! / 2
        print("    get-while-writing: \(rate.grouped) puts/s")
        let reads = Order.uniform(scale.reads, of: rows.count, seed: 42)
        let writes = Order.uniform(scale.reads, of: rows.count, seed: 43)
        let measure = { [self] (store: any Store) -> LatencyHistogram in
            let isOver = Atomic<Bool>(false)
            let writer = Thread { [reads = writes] in
                let session = store.session()
                let key = KeyBuffer()
                let begin = now()
                var done = 0
                while !isOver.load(ordering: .relaxed) {
                    let due = Int(Double(now() - begin) * rate / 1e9)
                    while done < due {
                        let row = Int(reads[done % reads.count])
                        key.set(existing: row)
                        session.put(key.pointer, rows.value(row, version: done), synced: false)
                        done += 1
                    }
                    usleep(200)
                }
                isOver.store(false, ordering: .releasing)
            }
            writer.start()
            let end = now() + UInt64(scale.mixedSeconds * 1e9)
            var histogram = LatencyHistogram.empty
            let session = store.session()
            let key = KeyBuffer()
            var index = 0
            var time = now()
            while time < end {
                key.set(existing: Int(reads[index]))
                let start = now()
                _ = session.get(key.pointer)
                time = now()
                _ = histogram.record(time - start)
                index = index + 1 == reads.count ? 0 : index + 1
            }
            isOver.store(true, ordering: .releasing)
            while isOver.load(ordering: .acquiring) { usleep(100) }
            return histogram
        }
        var godwit = LatencyHistogram.empty
        var peer = LatencyHistogram.empty
        let rounds = Rounds.measure(
            scale.rounds,
            godwit: {
                let histogram = measure(pair.godwit)
                godwit.add(histogram)
                return Double(histogram.valueAtPercentile(99.9))
            },
            peer: {
                let histogram = measure(pair.peer)
                peer.add(histogram)
                return Double(histogram.valueAtPercentile(99.9))
            })
        var row = Row("get-while-writing", threads: 2, unit: "ns", rounds)
        row.latencies = (godwit, peer)
        report.add(row)
    }

    /// `overwrite-sustained`: the data several times over in random order, compaction running and finished; and what
    /// was written to the disk for it. Then the data once more for latencies and the longest put, beside a thread that
    /// idles.
    func overwriteSustained(_ pair: Pair, _ rows: Dataset, timeline: Timeline?) throws {
        let order = Order.uniform(rows.count * scale.overwrites, of: rows.count, seed: 51)
        var speeds: [Double] = []
        var amplifications: [Double] = []
        for (name, store) in [("godwit", pair.godwit), ("rocksdb", pair.peer)] {
            store.settle()
            let before = ProcessCosts.writtenBytes
            let begin = now()
            overwrite(store, order, rows, name: name, timeline: timeline)
            speeds.append(Double(order.count) * 1e9 / Double(store.settle() - begin))
            // What is still in the page cache counts too.
            sync()
            let bytes = Double(order.count * (Dataset.keyLength + rows.valueLength))
            amplifications.append(Double(ProcessCosts.writtenBytes - before) / bytes)
        }
        let waits = (pair.godwit as? GodwitStore)?.writersWaited ?? 0
        let timed = [pair.godwit, pair.peer].map { overwriteTimed($0, order.prefix(rows.count), rows) }
        let waited = ((pair.godwit as? GodwitStore)?.writersWaited ?? 0) - waits
        let row = { (name: String, unit: String, values: [Double]) in
            Row(name, unit: unit, Rounds(godwit: [values[0]], peer: [values[1]]))
        }
        var speed = row("overwrite-sustained", "op/s", speeds)
        speed.latencies = (timed[0].latencies, timed[1].latencies)
        report.add(speed)
        report.add(row("overwrite-sustained/write-amplification", "x", amplifications))
        report.add(row("overwrite-sustained/longest-put", "ms", timed.map { Double($0.latencies.max) / 1e6 }))
        let gaps = timed.map { (Double($0.idleGap) / 1e6).formatted(digits: 2) }
        print("    an idle thread's longest gap beside it: \(gaps[0]) ms with godwit, \(gaps[1]) ms with the peer")
        let own = (Double(waited) / 1e6).formatted(digits: 2)
        print("    by its own timer godwit slowed or held the writer for \(own) ms in all")
    }

    private func overwrite(_ store: any Store, _ order: [UInt32], _ rows: Dataset, name: String, timeline: Timeline?) {
        let session = store.session()
        let key = KeyBuffer()
        timeline?.start(name, at: now())
        for (index, number) in order.enumerated() {
            key.set(existing: Int(number))
            session.put(key.pointer, rows.value(Int(number), version: index), synced: false)
            timeline?.count(at: now())
        }
        timeline?.end()
    }

    private func overwriteTimed(
        _ store: any Store, _ order: ArraySlice<UInt32>, _ rows: Dataset
    ) -> (latencies: LatencyHistogram, idleGap: UInt64) {
        store.settle()
        var histogram = LatencyHistogram.empty
        let session = store.session()
        let key = KeyBuffer()
        let idle = IdleThread()
        for number in order {
            key.set(existing: Int(number))
            let value = rows.value(Int(number), version: 3)
            let begin = now()
            session.put(key.pointer, value, synced: false)
            _ = histogram.record(now() - begin)
        }
        return (histogram, idle.stop())
    }
}

/// Throughput over time: operations in each tenth of a second, as lines `engine,seconds,operations`.
final class Timeline {
    private let file: FileHandle
    private var name = ""
    private var begin: UInt64 = 0
    private var slot = 0
    private var operations = 0

    init(_ path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw StoreFailure("cannot write \(path)") }
        file.write(Data("engine,seconds,operations\n".utf8))
        self.file = file
    }

    func start(_ name: String, at time: UInt64) {
        self.name = name
        begin = time
        slot = 0
        operations = 0
    }

    @inline(__always)
    func count(at time: UInt64) {
        let current = Int((time - begin) / 100_000_000)
        if current != slot { finishSlots(until: current) }
        operations += 1
    }

    func end() { finishSlots(until: slot + 1) }

    private func finishSlots(until next: Int) {
        while slot < next {
            file.write(Data("\(name),\((Double(slot) / 10).formatted(digits: 1)),\(operations)\n".utf8))
            operations = 0
            slot += 1
        }
    }
}
