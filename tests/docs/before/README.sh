# The reader's own program is the one that README shows.
ln -s echo.c app.c
