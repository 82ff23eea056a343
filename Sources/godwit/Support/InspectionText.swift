import GodwitEngine

/// Descriptions of files as lines for people.
enum InspectionText {
    static func lines(_ log: LogInspection) -> [String] {
        var lines = ["\(log.file): \(log.size) bytes"]
        if let header = log.header {
            lines.append("segment \(header.segment) of store \(header.storeID), after \(header.start)")
            lines.append("the log before it ends at \(header.previous), durable up to \(header.synced)")
        } else {
            lines.append("no header: damaged, or laid out and not in use yet")
        }
        if !log.isChecked { lines.append("no manifest or table beside it: checksums could not be checked") }
        lines.append("\(log.frames) frames, \(log.recordCount) records, up to byte \(log.end)")
        for record in log.records {
            lines.append(
                "  frame \(record.frame): \(record.type) \(record.position), \(record.operations) operations from "
                    + "\(record.firstSequence), \(record.bytes) bytes"
                    + record.sections.map { "; keyspace \($0.keyspace): \($0.operations)" }.joined())
        }
        return lines + rest(log.recordCount - log.records.count, "records") + problems(log.problems)
    }

    static func lines(_ table: TableInspection) -> [String] {
        var lines = ["\(table.file): \(table.size) bytes"]
        if let footer = table.footer {
            lines.append(
                "table \(footer.id): \(footer.dataBlocks) data blocks, \(footer.indexPartitions) index partitions, "
                    + "\(footer.filterUnits) filter units")
        }
        if let content = table.properties {
            lines.append(
                "keyspace \(content.keyspace): \(content.entries) entries (\(content.tombstones) deletes, "
                    + "\(content.expiring) with a deadline), \(content.rangeTombstones) range deletes, "
                    + "\(content.rawBytes) bytes before compression")
            lines.append(
                "keys \(content.smallestKey) to \(content.largestKey), sequence numbers \(content.minSequence) to "
                    + "\(content.maxSequence)")
        }
        lines.append("\(table.unitCount) units")
        for unit in table.units {
            var line = "  byte \(unit.offset): \(unit.kind), \(unit.length) bytes"
            if unit.isCompressed { line += " (\(unit.contentLength) uncompressed)" }
            if let entries = unit.entries { line += ", \(entries) entries" }
            if let first = unit.firstKey { line += ", from \(first)" }
            if let last = unit.lastKey { line += " to \(last)" }
            lines.append(line)
        }
        return lines + rest(table.unitCount - table.units.count, "units") + problems(table.problems)
    }

    static func lines(_ manifest: ManifestInspection) -> [String] {
        var lines = ["\(manifest.file): \(manifest.size) bytes"]
        if let header = manifest.header { lines.append("manifest \(header.number) of store \(header.storeID)") }
        lines.append("\(manifest.editCount) edits, up to byte \(manifest.end)")
        for edit in manifest.edits {
            lines.append("  byte \(edit.offset): edit of \(edit.length) bytes")
            lines += edit.changes.map { "    " + $0 }
            if edit.changes.count < edit.changeCount {
                lines.append("    and \(edit.changeCount - edit.changes.count) more changes")
            }
        }
        return lines + rest(manifest.editCount - manifest.edits.count, "edits") + problems(manifest.problems)
    }

    private static func rest(_ count: Int, _ what: String) -> [String] {
        count > 0 ? ["  and \(count) more \(what)"] : []
    }

    private static func problems(_ problems: [Inspector.Problem]) -> [String] {
        problems.isEmpty ? ["nothing wrong"] : problems.map { "WRONG at byte \($0.offset): \($0.message)" }
    }
}
