# The reader's own source is the program that README shows.
ln -sf echo.c app.c
# And a program there is, linked against a libnopoll.so.0 that has noPoll's names and does nothing.
mkdir -p theirs
while read -r name; do
    echo "void $name (void) { __builtin_abort (); }"
done < tests/data/exports.txt > theirs/nopoll.c
cc -shared -fPIC -Wl,-soname,libnopoll.so.0 theirs/nopoll.c -o theirs/libnopoll.so.0
cc -Iinclude tests/swap/program.c -o program theirs/libnopoll.so.0
