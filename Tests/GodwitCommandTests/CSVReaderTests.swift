import Testing

@testable import CommandSupport

@Suite struct CSVReaderTests {
    private func rows(_ text: String) throws(CommandFailure) -> [[String]] { try rows(Array(text.utf8)) }

    private func rows(_ bytes: [UInt8]) throws(CommandFailure) -> [[String]] {
        var reader = CSVReader(ByteInput(bytes: bytes))
        var rows: [[String]] = []
        while let row = try reader.next() { rows.append(row) }
        return rows
    }

    @Test("rows end with LF, CRLF or the file")
    func lineEnds() throws {
        let expected = [["a", "b"], ["1", "2"]]
        #expect(try rows("a,b\n1,2\n") == expected)
        #expect(try rows("a,b\r\n1,2\r\n") == expected)
        #expect(try rows("a,b\n1,2") == expected)
        #expect(try rows("") == [])
    }

    @Test("empty fields stay, at the end of a row and of the file too")
    func emptyFields() throws {
        #expect(try rows("a,,c\n,,\n,b,") == [["a", "", "c"], ["", "", ""], ["", "b", ""]])
        #expect(try rows("\"\"\n\"\",\"\"") == [[""], ["", ""]])
    }

    @Test("a quoted field holds commas, doubled quotes and line ends")
    func quotes() throws {
        #expect(
            try rows("\"a,b\",\"say \"\"hi\"\"\",\"x\ny\r\nz\"\r\n1,2,3") == [
                ["a,b", "say \"hi\"", "x\ny\r\nz"], ["1", "2", "3"],
            ])
        #expect(try rows("\"\"\"\"") == [["\""]])
    }

    @Test("blank lines and a byte order mark are passed over")
    func blanks() throws {
        #expect(try rows("\u{FEFF}a\n\n\r\nb\n\n") == [["a"], ["b"]])
    }

    @Test(
        "what the RFC does not allow is an error that names the line",
        arguments: [
            ("a\nb\"c\n", "line 2: a double quote within a field"),
            ("a\n\"b\"c\n", "line 2: text after a field's closing quote"),
            ("a\n\n\"b\n\n", "line 3: a quoted field is never closed"),
            ("a\rb\n", "line 1: a carriage return without a line feed"),
        ])
    func errors(text: String, message: String) {
        let error = #expect(throws: CommandFailure.self) { try rows(text) }
        #expect(error?.description.hasPrefix(message) == true)
    }

    @Test("bytes that are not UTF-8 are an error, not a guess")
    func invalidText() {
        #expect(throws: CommandFailure.self) { try rows([0x61, 0xFF, 0x0A]) }
        #expect(throws: CommandFailure.self) { try rows([0xEF, 0x41, 0x42]) }
    }

    @Test("a row's line is that of its beginning, after rows with line ends in fields")
    func rowLines() throws {
        var reader = CSVReader(ByteInput(bytes: Array("a\n\"x\ny\"\nb\n".utf8)))
        var lines: [Int] = []
        while try reader.next() != nil { lines.append(reader.rowLine) }
        #expect(lines == [1, 2, 4])
    }
}

@Suite struct JSONTextTests {
    @Test("strings are escaped, members keep their order")
    func object() {
        var json = JSONText()
        json.beginObject()
        json.member("z", "quote \" backslash \\ line\n tab\t bell\u{7}")
        json.member("a", "żółw 🐢")
        json.endObject()
        let text = String(decoding: json.bytes, as: UTF8.self)
        #expect(text == #"{"z":"quote \" backslash \\ line\n tab\t bell\u0007","a":"żółw 🐢"}"#)
    }
}

@Suite struct ProgressBarTests {
    @Test("a bar shows share and note, a count where the total is unknown")
    func lines() {
        #expect(ProgressBar.line("work", 1, of: 2, note: "x") == "work [###############...............] 50 % x")
        #expect(ProgressBar.line("work", 7, of: 0, note: "") == "work 7")
    }
}
