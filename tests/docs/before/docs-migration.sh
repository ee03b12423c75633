# The reader's program, linked against a libnopoll.so.0 that has noPoll's names and does nothing.
mkdir -p theirs
while read -r name; do
    echo "void $name (void) { __builtin_abort (); }"
done < tests/data/exports.txt > theirs/nopoll.c
cc -shared -fPIC -Wl,-soname,libnopoll.so.0 theirs/nopoll.c -o theirs/libnopoll.so.0
cc -Iinclude tests/swap/program.c -o program theirs/libnopoll.so.0
rm -f /usr/local/lib/libnopoll.*
# /usr/local/lib comes before the folder of the system's own libraries. ldconfig, which notices that for
# the whole system, makes the links alone.
export LD_LIBRARY_PATH="/usr/local/lib:$PWD/theirs"
ldconfig () { /sbin/ldconfig -n /usr/local/lib; }
! ./program
