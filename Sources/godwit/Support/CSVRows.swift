import CommandSupport

/// The rows of a CSV file with a header as keys and JSON values.
struct CSVRows {
    private var reader: CSVReader
    private let header: [String]
    private let keyColumns: [Int]
    private let missing: String?
    private let join: String
    private var json = JSONText()

    /// Rows that had a key.
    private(set) var loaded = 0
    /// Rows with an empty key column.
    private(set) var skipped = 0

    /// Reads the header.
    init(_ input: ByteInput, key: [String], missing: String?, join: String) throws(CommandFailure) {
        reader = CSVReader(input)
        guard let header = try reader.next() else {
            throw CommandFailure("the file is empty; a header must come first")
        }
        guard Set(header).count == header.count else { throw CommandFailure("line 1: two columns have the same name") }
        guard !key.isEmpty else { throw CommandFailure("--key names no column") }
        var columns: [Int] = []
        for name in key {
            guard let column = header.firstIndex(of: name) else {
                throw CommandFailure("there is no column `\(name)`; the columns are: \(header.joined(separator: ", "))")
            }
            columns.append(column)
        }
        self.header = header
        keyColumns = columns
        self.missing = missing
        self.join = join
    }

    /// The next row that has a key; nil after the last.
    mutating func next() throws(CommandFailure) -> (key: String, value: [UInt8])? {
        while let fields = try reader.next() {
            guard fields.count == header.count else {
                throw CommandFailure(
                    "line \(reader.rowLine): \(fields.count) fields where the header has \(header.count) columns")
            }
            let parts = keyColumns.map { fields[$0] }
            if parts.contains(where: isEmpty) {
                skipped += 1
                continue
            }
            loaded += 1
            return (parts.joined(separator: join), value(of: fields))
        }
        return nil
    }

    private func isEmpty(_ field: String) -> Bool { field.isEmpty || field == missing }

    private mutating func value(of fields: [String]) -> [UInt8] {
        json.clear()
        json.beginObject()
        for (name, field) in zip(header, fields) where !isEmpty(field) { json.member(name, field) }
        json.endObject()
        return json.bytes
    }
}
