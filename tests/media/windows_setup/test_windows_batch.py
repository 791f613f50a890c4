import pytest

from goldsmith.media.windows_setup.batch import UnsupportedError, parse


def test_what_is_printed_goes_where_the_line_says(system, batch):
    code, out = batch(
        "@echo off\necho one\n> C:\\file.txt echo two\necho three>> C:\\file.txt\n> COM1 echo four\necho no > NUL\n"
    )
    assert (code, out) == (0, "one\n")
    assert (system.c / "file.txt").read_text() == "two\nthree\n"
    assert system.serial.getvalue() == "four\r\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('if "a"=="a" echo yes', "yes\n"),
        ('if "a"=="b" (echo yes) else echo no', "no\n"),
        ('if not "%NOTHING%"=="" echo no', ""),
        ('if /i "A"=="a" if not "1"=="2" echo both', "both\n"),
        ("if 10 gtr 9 echo numbers", "numbers\n"),
        ("if exist C:\\WINDOWS\\system32\\CMD.EXE echo there", "there\n"),
        ("if exist Z:\\file echo there", ""),
        ("if defined SystemRoot echo %systemroot%", "C:\\Windows\n"),
        ("set X=a b& echo [%X%]", "[]\n"),
        ('set "X=a b"\necho [%X%] %X:a=c% %X:~2,1%', "[a b] c b b\n"),
        ("echo a ^& b", "a & b\n"),
        ("echo (round)", "(round)\n"),
        ("for %%d in (C Z F) do if exist %%d:\\goldsmith echo %%d", "F\n"),
        ("for %%f in (F:\\goldsmith\\q*.msi) do echo %%~nxf", "qemu-ga.msi\n"),
        ("for /l %%n in (1,1,3) do echo %%n", "1\n2\n3\n"),
        ("cmd /c exit 3\nif errorlevel 3 echo three", "three\n"),
        ('ver | find /c "x"', None),
        ('(echo a&echo b) | find "b"', "b\n"),
        ("cmd /c exit 1 && echo good || echo bad", "bad\n"),
        ("set /a N=2+3\necho %N%", "5\n"),
        (
            'call :sub one "two words"\necho back\ngoto :eof\n:sub\necho %1 %~2\nexit /b 4',
            "one two words\nback\n",
        ),
        ("goto end\necho never\n:end\necho end", "end\n"),
        (
            'if "1"=="1" (\n  echo in\n  if "1"=="2" (\n    echo never\n  ) else (\n    echo other\n  )\n)',
            "in\nother\n",
        ),
    ],
)
def test_cmd_understands(batch, line, said):
    if said is None:
        with pytest.raises(UnsupportedError):
            batch(f"@echo off\n{line}\n")
        return
    assert batch(f"@echo off\n{line}\n")[1] == said


def test_exit_gives_its_number_and_ends_only_what_it_should(batch):
    assert batch("call :sub\nif %ERRORLEVEL%==7 exit /b 9\n:sub\nexit /b 7\n")[0] == 9


def test_folders_and_files_are_found_whatever_their_case(system, batch):
    code, _ = batch(
        "cd /d C:\\WINDOWS\nmkdir New\\Deep\n"
        "copy /y system32\\CMD.exe new\\deep\\one.exe\nren new\\deep\\one.exe two.exe\n"
        "del /f /q C:\\Windows\\NEW\\deep\\*.exe\nrd /s /q new\n"
    )
    assert code == 0
    assert not (system.c / "Windows/New").exists()
    assert batch("copy C:\\none C:\\other\n")[0] == 1
    assert batch("cd Q:\\\n")[0] == 1


@pytest.mark.parametrize(
    "line", ["frobnicate /x", "for /f %%a in (x) do echo %%a", "copy /z a b", "set /p X=?", "start calc"]
)
def test_what_is_not_known_fails_and_is_never_passed_over(batch, line):
    with pytest.raises(UnsupportedError):
        batch(f"{line}\necho after\n")


def test_a_block_without_its_end_is_an_error():
    with pytest.raises(UnsupportedError, match=r"a \( has no \)"):
        parse("if exist x (echo a")
