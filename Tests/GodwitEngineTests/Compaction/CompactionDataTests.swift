import Foundation
import Testing

@testable import GodwitEngine

/// Runs the scripts of `fixtures/datadriven/compaction`: each is a list of commands, `----`, and what they print.
/// `GODWIT_REWRITE=1` writes what they print now into the files, for a diff to be read.
///
///     options trigger=2 base=100 …   changes options; sizes are in MiB
///     context now=… barrier=… busy=1,2
///     define                         the tables, one a line: `L1 7 a-m size=64 seq=1-9`; also entries= del= rangedel=
///                                    expiring= deadline=5-9 visible= global=
///     pick / targets / pressure      one question
///     manual a-m through=9 first=50  one step of a manual compaction
///     settle limit=20                does what is picked, printing each, until nothing is
@Suite struct CompactionDataTests {
    @Test("plans are as the scripts say", arguments: try FixtureFile.names(in: "datadriven/compaction", ending: ".txt"))
    func script(name: String) throws {
        let path = "datadriven/compaction/\(name)"
        let text = String(decoding: try FixtureFile.read(path), as: UTF8.self)
        var script = CompactionScript()
        var output: [String] = []
        for block in text.components(separatedBy: "\n\n") {
            let lines = block.components(separatedBy: "\n")
            guard let bar = lines.firstIndex(of: "----") else {
                output.append(block)
                continue
            }
            let question = Array(lines[..<bar])
            let answer = try script.run(question.filter { !$0.hasPrefix("#") })
            let expected = lines[(bar + 1)...].filter { !$0.isEmpty }
            if !FixtureFile.isRewriting { #expect(answer == Array(expected), "\(question.joined(separator: "\n"))") }
            output.append((question + ["----"] + answer).joined(separator: "\n"))
        }
        if FixtureFile.isRewriting {
            let whole = output.joined(separator: "\n\n").trimmingCharacters(in: .newlines) + "\n"
            try FixtureFile.write(Array(whole.utf8), to: path)
        }
    }
}

/// The state that a script's commands work on.
struct CompactionScript {
    var version = Version()
    var options = CompactionOptions()
    var context = CompactionContext()
    var nextNumber: UInt64 = 100

    private static let mebibyte: UInt64 = 1 << 20

    mutating func run(_ lines: [String]) throws -> [String] {
        var words = lines[0].split(separator: " ").map(String.init)
        let command = words.removeFirst()
        let values = CompactionScript.values(words)
        var picker: CompactionPicker { CompactionPicker(version, options, context) }
        switch command {
        case "options":
            options = CompactionOptions()
            for (name, value) in values {
                let number = UInt64(value)!
                switch name {
                case "trigger": options.level0Trigger = Int(number)
                case "limit": options.level0Limit = Int(number)
                case "base": options.baseBytes = number * Self.mebibyte
                case "table": options.tableBytes = number * Self.mebibyte
                case "input": options.inputBytes = number * Self.mebibyte
                case "grandparents": options.grandparentBytes = number * Self.mebibyte
                case "grace": options.expiryGrace = number
                default: fatalError("option \(name)")
                }
            }
            return ["ok"]
        case "context":
            let given = Dictionary(uniqueKeysWithValues: values)
            context = CompactionContext(
                now: given["now"].map { UInt64($0)! } ?? 0, oldestBarrier: given["barrier"].map { UInt64($0)! } ?? .max,
                busy: Set((given["busy"] ?? "").split(separator: ",").map { UInt64($0)! }))
            return ["ok"]
        case "define":
            try define(Array(lines.dropFirst()))
            return show()
        case "pick": return picker.pick().map(describe) ?? ["nothing"]
        case "targets":
            let targets = LevelTargets(version, options)
            let scores = targets.scores(version, options, context)
            return ["base L\(targets.base), level 0 goes to L\(targets.level0Output)"]
                + (0..<Version.levelCount).map { level in
                    let target = targets.bytes[level] == .max ? "-" : "\(targets.bytes[level] / Self.mebibyte)"
                    let size = version.levels[level].bytes / Self.mebibyte
                    return "L\(level) \(size) of \(target), score \(round2(scores[level]))"
                }
        case "pressure":
            let pressure = CompactionPressure(version, options)
            return ["level 0 \(pressure.level0Tables) tables, debt \(pressure.debtBytes / Self.mebibyte)"]
        case "manual":
            let manual = manual(words[0], values)
            let plan = picker.pick(manual)
            return plan.map(describe) ?? [picker.isManualDone(manual) ? "done" : "waiting"]
        case "settle":
            var steps: [String] = []
            let limit = values.first { $0.0 == "limit" }.flatMap { Int($0.1) } ?? 20
            let manual = words.isEmpty || words[0].contains("=") ? nil : manual(words[0], values)
            while steps.count < limit, let plan = manual.map({ picker.pick($0) }) ?? picker.pick() {
                steps.append(describe(plan)[0])
                version = try CompactionScript.apply(plan, to: version, nextNumber: &nextNumber)
            }
            return steps + show()
        default: fatalError("command \(command)")
        }
    }

    private func manual(_ range: String, _ values: [(String, String)]) -> ManualCompaction {
        func value(_ name: String, _ standard: UInt64) -> UInt64 {
            values.first { $0.0 == name }.flatMap { UInt64($0.1) } ?? standard
        }
        let ends = range.split(separator: "-", omittingEmptySubsequences: false).map { Array($0.utf8) }
        return ManualCompaction(
            range: KeyRange(from: ends[0].isEmpty ? nil : ends[0], to: ends[1].isEmpty ? nil : ends[1]),
            through: value("through", .max), firstNumber: value("first", 100))
    }

    private mutating func define(_ lines: [String]) throws {
        version = Version()
        var levels = Array(repeating: [TableMeta](), count: Version.levelCount)
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            let keys = words[2].split(separator: "-").map(String.init)
            var table = Sample.table(UInt64(words[1])!, keys[0], keys[1], size: 64 * Self.mebibyte)
            for (name, value) in CompactionScript.values(Array(words.dropFirst(3))) {
                let numbers = value.split(separator: "-").map { UInt64($0)! }
                switch name {
                case "size": table.size = numbers[0] * Self.mebibyte
                case "seq": (table.minSequence, table.maxSequence) = (numbers[0], numbers[1])
                case "entries": table.entries = numbers[0]
                case "del": table.tombstones = numbers[0]
                case "rangedel": table.rangeTombstones = numbers[0]
                case "expiring": table.expiring = numbers[0]
                case "deadline": (table.minDeadline, table.maxDeadline) = (numbers[0], numbers[1])
                case "visible": table.visibleThrough = numbers[0]
                case "global": table.globalSequence = numbers[0]
                default: fatalError("table \(name)")
                }
            }
            levels[Int(words[0].dropFirst())!].append(table)
        }
        for (level, tables) in levels.enumerated() { version = try version.replacing(level, with: tables) }
    }

    private func show() -> [String] {
        version.levels.filter { !$0.tables.isEmpty }.map { level in
            "L\(level.level) " + level.tables.map { "\($0.number):\(keys($0.span))" }.joined(separator: " ")
        }
    }

    private func describe(_ plan: CompactionPlan) -> [String] {
        let inputs = plan.inputs.map { input in
            "L\(input.level) " + input.tables.map { "\($0.number)" }.joined(separator: " ")
        }
        var lines = [
            "\(plan.reason.rawValue): \(plan.action.rawValue) "
                + "\(inputs.joined(separator: " + ")) -> L\(plan.outputLevel)"
        ]
        if !plan.grandparents.isEmpty {
            lines.append("  grandparents " + plan.grandparents.map { "\($0.number)" }.joined(separator: " "))
        }
        let older = plan.older.map { run in run.map { "\($0.number)" }.joined(separator: " ") }
        lines.append(plan.isBottom ? "  bottom" : "  older " + older.joined(separator: " | "))
        return lines
    }

    private func keys(_ span: KeySpan) -> String {
        String(decoding: span.smallest, as: UTF8.self) + "-" + String(decoding: span.largest, as: UTF8.self)
    }

    private func round2(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }

    private static func values(_ words: [String]) -> [(String, String)] {
        words.filter { $0.contains("=") }.map { word in
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            return (parts[0], parts[1])
        }
    }

    /// What a version looks like after a plan, taking a merge's output to be one table as large as its inputs less what
    /// is dead.
    static func apply(_ plan: CompactionPlan, to version: Version, nextNumber: inout UInt64) throws -> Version {
        var next = version
        for input in plan.inputs {
            let gone = Set(input.tables.map(\.number))
            next = try next.replacing(
                input.level, with: next.levels[input.level].tables.filter { !gone.contains($0.number) })
        }
        var added: [TableMeta] = []
        switch plan.action {
        case .drop: break
        case .move: added = plan.tables
        case .merge:
            let tables = plan.tables
            var merged = tables[0]
            merged.number = nextNumber
            nextNumber += 1
            merged.smallestKey = plan.span.smallest
            merged.largestKey = plan.span.largest
            merged.minSequence = tables.map(\.oldestSequence).min()!
            merged.maxSequence = tables.map(\.newestSequence).max()!
            merged.globalSequence = 0
            merged.visibleThrough = .max
            merged.entries = tables.reduce(0) { $0 + $1.entries }
            merged.size = plan.inputBytes
            merged.expiring = 0
            merged.tombstones = plan.isBottom ? 0 : tables.reduce(0) { $0 + $1.tombstones }
            merged.rangeTombstones = plan.isBottom ? 0 : tables.reduce(0) { $0 + $1.rangeTombstones }
            if plan.isBottom { (merged.minSequence, merged.maxSequence) = (0, 0) }
            added = [merged]
        }
        return try next.replacing(plan.outputLevel, with: next.levels[plan.outputLevel].tables + added)
    }
}
